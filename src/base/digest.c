#include "digest.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct digest {
    EVP_MD_CTX *context;
    bool failed;
};

enum status digest_create(struct digest **out, struct err *err)
{
    enum status rc = OK;
    struct digest *digest = NULL;

    TRY_ALLOC(digest, 1, err);
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
        FAIL(err, ERR_INTERNAL, "SHA-256: OpenSSL cannot start it, as when memory runs out");
done:
    if (rc != OK) digest_destroy(&digest);
    *out = digest;
    return rc;
}

void digest_update(struct digest *digest, const void *bytes, size_t n)
{
    if (EVP_DigestUpdate(digest->context, bytes, n) != 1) digest->failed = true;
}

static void put_u64(unsigned char out[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(value >> (8 * i));
}

void digest_u64(struct digest *digest, uint64_t value)
{
    unsigned char bytes[8];
    put_u64(bytes, value);
    digest_update(digest, bytes, sizeof bytes);
}

void digest_doubles(struct digest *digest, const double *values, size_t n)
{
    enum { BLOCK = 512 };
    unsigned char bytes[8 * BLOCK];

    for (size_t first = 0; first < n; first += BLOCK) {
        size_t count = n - first < BLOCK ? n - first : BLOCK;
        for (size_t i = 0; i < count; i++) {
            double value = values[first + i] == 0 ? 0.0 : values[first + i];
            uint64_t bits;
            memcpy(&bits, &value, sizeof bits);
            put_u64(bytes + 8 * i, bits);
        }
        digest_update(digest, bytes, 8 * count);
    }
}

void digest_text(struct digest *digest, const char *text)
{
    size_t n = strlen(text);
    digest_u64(digest, n);
    digest_update(digest, text, n);
}

enum status digest_finish(struct digest *digest, char hex[DIGEST_HEX], struct err *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int n = 0;

    hex[0] = '\0';
    if (digest->failed || EVP_DigestFinal_ex(digest->context, bytes, &n) != 1)
        return err_set(err, ERR_INTERNAL, "SHA-256: OpenSSL failed");
    for (unsigned int i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    return OK;
}

void digest_destroy(struct digest **digest)
{
    if (*digest == NULL) return;
    EVP_MD_CTX_free((*digest)->context);
    free(*digest);
    *digest = NULL;
}
