#include "session.h"

#include "clock.h"
#include "h5io.h"
#include "kernels.h"
#include "machine.h"
#include "version.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>
#include <zlib.h>

const struct session_field session_fields[] = {
#define SESSION(name, long_name) {#name, long_name, offsetof(struct session, name)},
#include "sessions.def"
#undef SESSION
};
const size_t n_session_fields = sizeof session_fields / sizeof session_fields[0];

void session_describe(int argc, char *const *argv, int n_threads, struct session *session)
{
    char hdf5[32];
    memset(session, 0, sizeof *session);
    clock_utc(session->started);
    gethostname(session->host, sizeof session->host - 1);
    machine_user(session->user, sizeof session->user);
    size_t at = 0;
    for (int i = 0; i < argc && at < sizeof session->command; i++)
        at += (size_t)snprintf(session->command + at, sizeof session->command - at, "%s%s",
                               i > 0 ? " " : "", argv[i]);
    if (getenv("SLURM_JOB_ID") != NULL)
        snprintf(session->slurm_job, sizeof session->slurm_job, "job %s task %s restart %s",
                 machine_env("SLURM_JOB_ID"), machine_env("SLURM_ARRAY_TASK_ID"),
                 machine_env("SLURM_RESTART_COUNT"));
    machine_cpu(session->cpu, sizeof session->cpu);
    snprintf(session->threads, sizeof session->threads, "%d", n_threads);
    snprintf(session->version, sizeof session->version, "%s (%s)", GMMSWEEP_VERSION,
             GMMSWEEP_REVISION);
    snprintf(session->compiler, sizeof session->compiler, "%s %s", GMMSWEEP_COMPILER,
             GMMSWEEP_CFLAGS);
    h5_version(hdf5);
    snprintf(session->libraries, sizeof session->libraries,
             "OpenBLAS for %s, HDF5 %s, libyaml %s, zlib %s, %s", kernels_lapack_core(), hdf5,
             yaml_get_version_string(), zlibVersion(), OpenSSL_version(OPENSSL_VERSION));
}

void session_pack(const struct session *session, struct pack *pack)
{
    for (size_t i = 0; i < n_session_fields; i++)
        pack_text(pack, session_text(session, &session_fields[i]));
}

void session_unpack(struct session *session, struct unpack *unpack)
{
    for (size_t i = 0; i < n_session_fields; i++)
        unpack_text(unpack, (char *)session + session_fields[i].offset, sizeof session->host);
}
