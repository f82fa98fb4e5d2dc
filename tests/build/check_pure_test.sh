#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles small rooms that break the rule of purity; check-pure must find each, and nothing else.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
check=$root/build-aux/check-pure
cc=${CC:-cc}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cases=0

archive() { # ROOM CODE
    # Functions are declared by the compiler's built-in knowledge or by hand: no header is needed.
    printf '%s\n' "$2" >"$tree/code.c"
    $cc -w -O0 -c -o "$tree/code.o" "$tree/code.c"
    rm -f "$tree/lib$1.a"
    ar rcs "$tree/lib$1.a" "$tree/code.o"
}

passes() { # ROOM CODE
    cases=$((cases + 1))
    archive "$1" "$2"
    "$check" "$tree" "$1" >"$tree/output" 2>&1 || {
        echo "check-pure refuses in $1: $2"
        cat "$tree/output"
        exit 1
    }
}

refuses() { # ROOM SYMBOL CODE
    cases=$((cases + 1))
    archive "$1" "$3"
    if "$check" "$tree" "$1" >"$tree/output" 2>&1; then
        echo "check-pure let pass in $1: $3"
        exit 1
    fi
    grep -qx "check-pure: $1/code.c uses $2" "$tree/output" && [ "$(wc -l <"$tree/output")" -eq 1 ] || {
        echo "check-pure on $3 said:"
        cat "$tree/output"
        exit 1
    }
}

passes broker 'void *malloc(unsigned long); int memcmp(const void *, const void *, unsigned long);
    int snprintf(char *, unsigned long, const char *, ...);
    int f(void *p) { char b[8]; return memcmp(p, malloc(3), 3) + snprintf(b, 8, "x"); }'
refuses broker socket 'int socket(int, int, int); int f(void) { return socket(1, 2, 3); }'
refuses broker recvmsg 'long recvmsg(int, void *, int); long f(void) { return recvmsg(0, 0, 0); }'
refuses broker time 'long time(long *); long f(void) { return time(0); }'
refuses session clock_gettime 'int clock_gettime(int, void *); int f(void) { return clock_gettime(0, 0); }'
refuses session localtime_r 'void *localtime_r(void *, void *); void *f(void) { return localtime_r(0, 0); }'
refuses routing fopen 'void *fopen(const char *, const char *); void *f(void) { return fopen("a", "r"); }'
refuses routing fopen64 'void *fopen64(const char *, const char *); void *f(void) { return fopen64("a", "r"); }'
refuses broker stderr 'extern void *stderr; void *f(void) { return stderr; }'
refuses proto write 'long write(int, void *, unsigned long); long f(void) { return write(1, 0, 0); }'
refuses proto pthread_mutex_lock 'int pthread_mutex_lock(void *); int f(void) { return pthread_mutex_lock(0); }'
refuses broker getrandom 'long getrandom(void *, unsigned long, int); long f(void) { return getrandom(0, 0, 0); }'
refuses broker rand 'int rand(void); int f(void) { return rand(); }'
refuses broker RAND_bytes 'int RAND_bytes(void *, int); int f(void) { return RAND_bytes(0, 0); }'
refuses broker sqlite3_step 'int sqlite3_step(void *); int f(void) { return sqlite3_step(0); }'
refuses broker event_base_loop 'int event_base_loop(void *, int); int f(void) { return event_base_loop(0, 0); }'
refuses broker getenv 'char *getenv(const char *); char *f(void) { return getenv("X"); }'
refuses broker evbuffer_new 'void *evbuffer_new(void); void *f(void) { return evbuffer_new(); }'
passes session 'void *evbuffer_new(void); void *f(void) { return evbuffer_new(); }'
refuses session evbuffer_write 'int evbuffer_write(void *, int); int f(void) { return evbuffer_write(0, 0); }'
passes base 'int fprintf(void *, const char *, ...); extern void *stderr;
    void f(void) { fprintf(stderr, "x"); }'
refuses base fopen 'void *fopen(const char *, const char *); void *f(void) { return fopen("a", "r"); }'

# What the tree itself defines is ours, whatever its name.
archive broker 'void event_emit(void) { }'
mv "$tree/libbroker.a" "$tree/libbase.a"
passes session 'void event_emit(void); void f(void) { event_emit(); }'

echo "100%: Checks: $cases, Failures: 0"
