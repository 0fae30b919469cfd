/* layout.h - how the numbers of an array stand in bytes, whatever the format around them.
 *
 * Booleans, integers and floats of up to 64 bits in either byte order, in C or Fortran order, up to
 * LAYOUT_DIMS dimensions.
 */
#ifndef GMMSWEEP_LAYOUT_H
#define GMMSWEEP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

enum { LAYOUT_DIMS = 4 };

enum layout_kind { LAYOUT_BOOL, LAYOUT_UNSIGNED, LAYOUT_SIGNED, LAYOUT_FLOAT };

struct layout {
    const char *dtype; /* numpy's name: "uint8", "float64", ... */
    enum layout_kind kind;
    size_t size; /* bytes of a value */
    bool big_endian;
    size_t rank;
    size_t shape[LAYOUT_DIMS];  /* [rank] */
    size_t stride[LAYOUT_DIMS]; /* [rank] in values */
    size_t n_values;
    size_t values_at; /* where in the bytes they start */
    size_t n_bytes;   /* of all that comes before them and of them */
};

/* Fills dtype, kind and size from numpy's code of the type, such as "f8" [2]. False if it is none
 * of those above. */
bool layout_set_type(struct layout *layout, const char *code);

/* Fills stride, n_values and n_bytes from the rest; the first dimension varies slowest, or, with
 * `fortran`, fastest. False if no file can have so many bytes. */
bool layout_measure(struct layout *layout, bool fortran);

/* out [n]: the values from number `first` on, counted row-major, of bytes [layout->n_bytes].
 * Integers beyond 2^53 are rounded to the nearest double. */
void layout_values(const struct layout *layout, const unsigned char *bytes, size_t first, size_t n,
                   double *out);

#endif
