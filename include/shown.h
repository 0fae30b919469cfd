/* shown.h - a text that somebody else wrote, in a message. */
#ifndef GMMSWEEP_SHOWN_H
#define GMMSWEEP_SHOWN_H

/* A text of unknown length and content, fit for one line of a message. */
struct shown {
    char text[80];
};

/* The text with control characters as \xHH, after about 60 bytes cut and "..." added. */
struct shown shown(const char *text);

#endif
