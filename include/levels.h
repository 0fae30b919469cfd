/* levels.h - values of features as levels of an 8-bit picture. */
#ifndef GMMSWEEP_LEVELS_H
#define GMMSWEEP_LEVELS_H

/* What becomes 0 and what 255; values beyond are cut. */
struct levels {
    double black, white;
};

/* The largest value that data of numpy's type `dtype` can hold if it is one that pictures have: 255
 * or 65535; else 0. */
double levels_peak(const char *dtype);

/* 0 to 255, rounded; of no range 0. */
unsigned char levels_of(const struct levels *levels, double value);

#endif
