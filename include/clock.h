/* clock.h - the two clocks. */
#ifndef GMMSWEEP_CLOCK_H
#define GMMSWEEP_CLOCK_H

/* Seconds on a clock that never goes back, from an arbitrary origin. */
double clock_monotonic_s(void);

/* Sleeps for so long, whatever signals come. */
void clock_sleep_s(double seconds);

/* Now as ISO 8601 in UTC, "2026-11-23T20:15:00Z". */
void clock_utc(char out[32]);

#endif
