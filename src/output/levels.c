#include "levels.h"

#include <math.h>
#include <string.h>

double levels_peak(const char *dtype)
{
    return strcmp(dtype, "uint8") == 0 ? 255.0 : strcmp(dtype, "uint16") == 0 ? 65535.0 : 0.0;
}

unsigned char levels_of(const struct levels *levels, double value)
{
    const double share = (value - levels->black) / (levels->white - levels->black);
    return (unsigned char)lround(255.0 * fmin(fmax(share, 0.0), 1.0));
}
