#!/bin/sh
# Finds what this machine lacks and installs it from Debian's packages.
#   src/deps.sh             what building needs
#   src/deps.sh check       and what `make check` needs; its judges may stay missing, unless CI=true
#   src/deps.sh has NAME    exit status 0 if the library is there
#   src/deps.sh python      name the interpreter that has the judges, or the likeliest
# A need is tested by building a few lines as the Makefile would (its target probe-NAME), so a
# library counts wherever it came from, and one that is installed but unusable does not.
set -u
missing=

# need NAME PACKAGES CODE: adds PACKAGES to `missing` unless CODE builds with the flags of NAME.
need()
{
    printf '%s\n' "$3" | ${MAKE:-make} -s --no-print-directory "probe-$1" >/dev/null 2>&1 ||
        missing="$missing $2"
}

omp_package()
{
    case $(${CC:-cc} --version 2>/dev/null) in *clang*) echo libomp-dev ;; *) echo gcc ;; esac
}

need_build()
{
    need libc 'gcc libc6-dev' '#include <stdio.h>
        int main(void) { return puts("") == EOF; }'
    need openmp "$(omp_package)" '#include <omp.h>
        int main(void) { return omp_get_max_threads() == 0; }'
    need hdf5 'libhdf5-dev pkg-config' '#include <hdf5.h>
        #include <hdf5_hl.h>
        int main(void) { return H5open() < 0 || H5DSis_scale(0) < 0; }'
    need openblas libopenblas-dev '#include <cblas.h>
        int main(void) { openblas_set_num_threads(1); return 0; }'
    need lapacke liblapacke-dev '#include <lapacke.h>
        int main(void) { double a = 1; return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 85, 1, &a, 1); }'
    need yaml libyaml-dev '#include <yaml.h>
        int main(void) { yaml_parser_t parser; return yaml_parser_initialize(&parser) == 0; }'
    need zlib zlib1g-dev '#include <zlib.h>
        int main(void) { return crc32(0, 0, 0) != 0; }'
    need zip libzip-dev '#include <zip.h>
        int main(void) { return zip_libzip_version()[0] == 0; }'
    need png libpng-dev '#include <png.h>
        int main(void) { return png_get_libpng_ver(0)[0] == 0; }'
    need jpeg libjpeg62-turbo-dev '#include <stddef.h>
        #include <stdio.h>
        #include <jpeglib.h>
        int main(void) { struct jpeg_error_mgr errors; return jpeg_std_error(&errors) == 0; }'
    need crypto libssl-dev '#include <openssl/evp.h>
        int main(void) { return EVP_sha256() == 0; }'
    need random123 librandom123-dev '#include <Random123/philox.h>
        int main(void) { philox4x64_ctr_t c = {{0}}; philox4x64_key_t k = {{0}};
                         return (int)philox4x64(c, k).v[0]; }'
}

need_check()
{
    need check 'check pkg-config' '#include <check.h>
        int main(void) { return suite_create("") == 0; }'
}

# The judges: Python modules, and Debian's names of them, in the same order.
modules='h5py xarray sklearn netCDF4 h5netcdf yaml PIL'

# The first interpreter that can import all of them; `python3` on PATH is often another than Debian's.
find_python()
{
    all=$(echo "$modules" | tr ' ' ,)
    for python in "${PYTHON:-}" python3 /usr/bin/python3; do
        "$python" -c "import $all" 2>/dev/null && echo "$python" && return
    done
    [ -n "${PYTHON:-}" ] && echo "$PYTHON" && return 1
    [ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3
    return 1
}

need_judges()
{
    need_check
    python=$(find_python) && return
    for module in $modules; do
        "$python" -c "import $module" 2>/dev/null ||
            missing="$missing python3-$(echo "$module" | tr '[:upper:]' '[:lower:]')"
    done
}

# ensure FIND: installs what FIND (need_build, need_judges) misses; afterwards `missing` has what is
# still not to be had.
ensure()
{
    missing=
    $1
    [ -n "$missing" ] || return 0
    echo "deps: missing:$missing"
    line="apt-get update && apt-get install -y --no-install-recommends$missing"
    if ! command -v apt-get >/dev/null; then
        echo "deps: no apt-get here; on Debian it would be, as root: $line"
        return
    elif [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive sh -c "$line" </dev/null
    elif sudo -n true 2>/dev/null; then
        sudo -n DEBIAN_FRONTEND=noninteractive sh -c "$line" </dev/null
    else
        echo "deps: as root: $line"
        return
    fi
    missing=
    $1
    [ -z "$missing" ] || echo "deps: still missing:$missing"
}

case ${1:-} in
has)
    "need_$2"
    [ -z "$missing" ]
    exit
    ;;
python)
    find_python || :
    exit
    ;;
esac

ensure need_build
[ -z "$missing" ] || exit 1
if [ "${1:-}" = check ]; then
    ensure need_judges
    [ -z "$missing" ] || [ "${CI:-}" != true ] || exit 1
fi
[ -n "$missing" ] || echo "deps: nothing is missing"
