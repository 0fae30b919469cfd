#include "h5_parts.h"

#include <stdio.h>
#include <string.h>

/* Whether all bits of the float are where IEEE 754 has them. */
static bool is_ieee(hid_t type)
{
    static const struct {
        size_t exponent, fraction, bias;
    } formats[] = {{5, 10, 15}, {8, 23, 127}, {11, 52, 1023}};
    size_t sign_at, exponent_at, exponent, fraction_at, fraction;

    if (H5Tget_norm(type) != H5T_NORM_IMPLIED ||
        H5Tget_fields(type, &sign_at, &exponent_at, &exponent, &fraction_at, &fraction) < 0)
        return false;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (exponent == formats[i].exponent && fraction == formats[i].fraction)
            return fraction_at == 0 && exponent_at == fraction && sign_at == fraction + exponent &&
                   H5Tget_ebias(type) == formats[i].bias;
    return false;
}

static bool has_member(hid_t type, unsigned i, const char *name)
{
    signed char value = 0;
    char *found = H5Tget_member_name(type, i);
    bool same = found != NULL && strcmp(found, name) == 0 &&
                H5Tget_member_value(type, i, &value) >= 0 && value == (signed char)i;

    H5free_memory(found);
    return same;
}

/* Whether it is h5py's boolean: an enumeration of FALSE = 0 and TRUE = 1 in a byte. */
static bool is_boolean(hid_t type)
{
    return H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2 && has_member(type, 0, "FALSE") &&
           has_member(type, 1, "TRUE");
}

void h5_describe_type(hid_t type, char kind[H5_KIND])
{
    static const struct {
        H5T_class_t class;
        const char *text;
    } kinds[] = {
        {H5T_TIME, "times"},          {H5T_STRING, "texts"},
        {H5T_BITFIELD, "bit fields"}, {H5T_OPAQUE, "opaque bytes"},
        {H5T_COMPOUND, "compounds"},  {H5T_REFERENCE, "references"},
        {H5T_ENUM, "an enumeration"}, {H5T_VLEN, "lists of varying length"},
        {H5T_ARRAY, "arrays"},
    };
    H5T_class_t class = H5Tget_class(type);

    snprintf(kind, H5_KIND, "values of an unknown type");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].class == class) snprintf(kind, H5_KIND, "%s", kinds[i].text);
    if (class == H5T_INTEGER || class == H5T_FLOAT)
        snprintf(kind, H5_KIND, "%s of %zu bits in %zu bytes",
                 class == H5T_INTEGER ? "integers" : "floats", H5Tget_precision(type),
                 H5Tget_size(type));
}

bool h5_number_type(hid_t type, struct layout *layout)
{
    size_t size = H5Tget_size(type);
    char code[2] = {0, size <= 8 ? (char)('0' + size) : '0'};
    H5T_order_t order = H5Tget_order(type);
    bool whole = H5Tget_precision(type) == 8 * size && H5Tget_offset(type) == 0;
    H5T_class_t class = H5Tget_class(type);

    if (class == H5T_ENUM && is_boolean(type)) code[0] = 'b';
    if (class == H5T_INTEGER && whole) code[0] = H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i';
    if (class == H5T_FLOAT && whole && is_ieee(type)) code[0] = 'f';
    layout->big_endian = order == H5T_ORDER_BE;
    return (order == H5T_ORDER_LE || order == H5T_ORDER_BE) && layout_set_type(layout, code);
}
