/* session.h - one run of the program on a sweep: who, where, with what. */
#ifndef GMMSWEEP_SESSION_H
#define GMMSWEEP_SESSION_H

#include "err.h"
#include "pack.h"

struct session {
#define SESSION(name, long_name) char name[512];
#include "sessions.def"
#undef SESSION
};

struct session_field {
    const char *name;
    const char *long_name;
    size_t offset; /* in struct session, of a char [512] */
};

/* The rows of sessions.def in order. */
extern const struct session_field session_fields[];
extern const size_t n_session_fields;

static inline const char *session_text(const struct session *session,
                                       const struct session_field *field)
{
    return (const char *)session + field->offset;
}

/* Describes this process: its command line and the threads it uses. */
void session_describe(int argc, char *const *argv, int n_threads, struct session *session);

/* The payload of a LOG_SESSION record, and back. */
void session_pack(const struct session *session, struct pack *pack);
void session_unpack(struct session *session, struct unpack *unpack);

#endif
