/* err.h - how functions fail: a status to return, a text for the person who has to mend it.
 *
 * A function that can fail returns `enum status` and takes `struct err *` last. It fills `err`
 * only when it fails. The body uses TRY for calls that can fail and FAIL for its own findings;
 * both jump to the one exit `done:`, where what was acquired is freed in reverse. Both want a
 * local `enum status rc = OK;`.
 *
 * A message says what, where, the offending value and what was expected. Only main.c prints it.
 */
#ifndef GMMSWEEP_ERR_H
#define GMMSWEEP_ERR_H

#include <stddef.h>
#include <stdio.h>

/* The values are the program's exit codes. */
enum status {
#define STATUS(symbol, code, meaning) symbol = (code),
#include "status.def"
#undef STATUS
};

struct err {
    enum status status;
    char text[8192]; /* one or more lines, without a final newline */
};

/* Sets the message and returns `status`. A text that does not fit is cut. */
enum status err_set(struct err *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a line to the message (for checks that report all they find) and returns `status`. */
enum status err_add(struct err *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Memory for `count` zeroed elements of `size` bytes, at least one byte, 64-byte aligned.
 * Returns ERR_INTERNAL, naming `what` and the bytes wanted, if it cannot be had; *out is then
 * NULL. Release with free(). */
enum status err_alloc(size_t count, size_t size, const char *what, void *out, struct err *err);

/* The same, not zeroed: takes memory of the machine only as it is written. */
enum status err_alloc_raw(size_t count, size_t size, const char *what, void *out, struct err *err);

/* Gives bytes `from` to `to` of a large array back to the machine before it is freed, once they are
 * many; they must not be used any more. Returns what is the next `from`. */
size_t err_give_back(void *memory, size_t from, size_t to);

/* Ends the text that open_memstream began; `file` may be NULL, as that leaves it without memory.
 * ERR_INTERNAL if memory did not suffice; *text is then NULL. */
enum status err_text(FILE *file, char **text, const char *what, struct err *err);

/* Memory for one element more than the n of an array that grows by doubling: *array, whose elements
 * keep their values, may move. The new element is not zeroed. ERR_INTERNAL as above; *array is then
 * as it was. */
enum status err_grow(size_t n, size_t size, const char *what, void *array, struct err *err);

#define FAIL(err, status, ...)                                                                     \
    do {                                                                                           \
        rc = err_set(err, status, __VA_ARGS__);                                                    \
        goto done;                                                                                 \
    } while (0)

#define TRY(call)                                                                                  \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc != OK) goto done;                                                                   \
    } while (0)

/* TRY_ALLOC(pointer, count, err): `count` zeroed elements of what `pointer` points to. */
#define TRY_ALLOC(pointer, count, err)                                                             \
    TRY(err_alloc((count), sizeof *(pointer), #pointer, &(pointer), (err)))

#endif
