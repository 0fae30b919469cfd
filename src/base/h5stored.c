/* h5stored.c - whether what a dataset promises is there, before memory is asked for. */
#include "h5_parts.h"

#include <stdio.h>

/* The most bytes that one deflated byte gives (zlib, "Technical details"); other filters of
 * HDF5 give less, or on constants only more. */
enum { FILTER_RATIO = 1032, MOST_DIMS = 4 };

/* How a dataset is kept. */
struct stored {
    const char *where;
    hid_t set, creation;
    size_t rank;
    hsize_t dims[MOST_DIMS];
    hsize_t chunk[MOST_DIMS]; /* dims, if it is in one piece */
    size_t chunk_bytes, n_chunks;
    size_t ratio;
};

/* Whether no number overflows. */
static bool measure(struct stored *stored, size_t value_bytes)
{
    bool fits = true;
    stored->n_chunks = 1;
    stored->chunk_bytes = value_bytes;
    for (size_t i = 0; i < stored->rank; i++) {
        const hsize_t dim = stored->dims[i], chunk = stored->chunk[i];
        if (dim == 0) { /* nothing, in no piece */
            stored->n_chunks = stored->chunk_bytes = 0;
            return true;
        }
        if (chunk == 0) return false;
        fits = fits &&
               !__builtin_mul_overflow(stored->n_chunks, (size_t)(dim / chunk + (dim % chunk != 0)),
                                       &stored->n_chunks) &&
               !__builtin_mul_overflow(stored->chunk_bytes, (size_t)chunk, &stored->chunk_bytes);
    }
    return fits;
}

/* Whether each of the chunks that hold `count` indices of the first axis, from `first`, is there:
 * one that was never written would read as some fill value, and one shorter than its checksum
 * crashes HDF5 1.10.8. Older libraries than 1.10.2 cannot tell. */
static enum status check_chunks(const struct stored *stored, size_t first, size_t count,
                                struct err *err)
{
    enum status rc = OK;
#if H5_VERSION_GE(1, 10, 2)
    const size_t checksum = 4;
    char which[80];
    hsize_t at[MOST_DIMS] = {first / stored->chunk[0] * stored->chunk[0]};
    size_t least =
        stored->chunk_bytes / stored->ratio > 0 ? stored->chunk_bytes / stored->ratio : 1;

    if (H5Pget_filter_by_id2(stored->creation, H5Z_FILTER_FLETCHER32, NULL, NULL, NULL, 0, NULL,
                             NULL) >= 0 &&
        least < checksum)
        least = checksum;
    for (size_t i = 0; at[0] < first + count; i++) {
        hsize_t n_stored = 0;
        snprintf(which, sizeof which, "chunk %zu of its %zu", i, stored->n_chunks);
        if (H5Dget_chunk_storage_size(stored->set, at, &n_stored) < 0)
            TRY(h5_failed(ERR_DATA, stored->where, "find", which, err));
        if (n_stored < least)
            FAIL(err, ERR_DATA, "%s: promises %zu bytes in %s, %llu are stored", stored->where,
                 stored->chunk_bytes, which, (unsigned long long)n_stored);
        for (size_t d = stored->rank; d-- > 0;) {
            at[d] += stored->chunk[d];
            if (at[d] < stored->dims[d] || d == 0) break;
            at[d] = 0;
        }
    }
done:
#else
    (void)stored;
    (void)first;
    (void)count;
    (void)err;
#endif
    return rc;
}

/* The file's size comes first: it takes the library no time, whatever is promised. Counting what
 * is stored takes a look at each chunk, which is too much where they are read one by one. */
static enum status check(const struct stored *stored, size_t n_file_bytes, size_t first,
                         size_t count, struct err *err)
{
    enum status rc = OK;
    size_t promised;
    if (__builtin_mul_overflow(stored->n_chunks, stored->chunk_bytes, &promised))
        FAIL(err, ERR_DATA, "%s: its chunks promise more bytes than any file can have",
             stored->where);
    if (promised / stored->ratio > n_file_bytes || stored->n_chunks > n_file_bytes)
        FAIL(err, ERR_DATA, "%s: promises %zu bytes, more than can be in a file of %zu",
             stored->where, promised, n_file_bytes);
    const bool chunked = H5Pget_layout(stored->creation) == H5D_CHUNKED;
    if (promised > 0 && (!chunked || !H5_VERSION_GE(1, 10, 2) || count == stored->dims[0])) {
        hsize_t n_stored = H5Dget_storage_size(stored->set);
        if (n_stored > n_file_bytes || promised / stored->ratio > n_stored || n_stored == 0)
            FAIL(err, ERR_DATA, "%s: promises %zu bytes, %llu are stored", stored->where, promised,
                 (unsigned long long)n_stored);
    }
    if (promised > 0 && chunked) TRY(check_chunks(stored, first, count, err));
done:
    return rc;
}

enum status h5_check_stored(hid_t set, const char *where, size_t n_file_bytes, size_t first,
                            size_t count, size_t *chunk_bytes, struct err *err)
{
    enum status rc = OK;
    struct stored stored = {.where = where, .set = set};
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    stored.creation = H5Dget_create_plist(set);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > MOST_DIMS || type < 0 || stored.creation < 0) {
        rc = h5_failed(ERR_DATA, where, "open", "it", err);
        goto done;
    }
    stored.rank = (size_t)rank;
    stored.ratio = H5Pget_nfilters(stored.creation) > 0 ? FILTER_RATIO : 1;
    H5Sget_simple_extent_dims(space, stored.dims, NULL);
    H5Sget_simple_extent_dims(space, stored.chunk, NULL);
    bool measured = true;
    if (H5Pget_layout(stored.creation) == H5D_CHUNKED)
        measured = H5Pget_chunk(stored.creation, MOST_DIMS, stored.chunk) == rank;
    if (!measured || !measure(&stored, H5Tget_size(type)))
        FAIL(err, ERR_DATA, "%s: its chunks promise more bytes than any file can have", where);
    TRY(check(&stored, n_file_bytes, first, count, err));
    *chunk_bytes = stored.chunk_bytes;
done:
    if (stored.creation >= 0) H5Pclose(stored.creation);
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    return rc;
}
