// A disk that fails on demand, for tests of real processes: preloaded (LD_PRELOAD), it lets calls on chosen files fail.
// FAULTY_DISK names a control file; while it exists, each of its lines is a rule: OPERATION PATH_PART ERRNO, where
// OPERATION is write, sync, read or create. An ERRNO below 0 hangs the call for as many seconds.
// The rules may change while the process runs.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int fault_on_path(const char* operation, const char* path) {
    const char* control = getenv("FAULTY_DISK");
    if (control == NULL) return 0;
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    char rules[4096];
    const ssize_t size = syscall(SYS_read, fd, rules, sizeof rules - 1);
    syscall(SYS_close, fd);
    if (size <= 0) return 0;
    rules[size] = 0;
    char* rest = rules;
    for (char* line = strtok_r(rules, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char wanted[32];
        char part[512];
        int code = 0;
        if (sscanf(line, "%31s %511s %d", wanted, part, &code) == 3 && strcmp(wanted, operation) == 0 &&
            strstr(path, part) != NULL)
            return code;
    }
    return 0;
}

static int hang_or_fail(int code) {
    if (code >= 0) return code;
    sleep((unsigned)-code);
    return 0;
}

static int fault(const char* operation, int fd) {
    if (getenv("FAULTY_DISK") == NULL) return 0;
    char link[64];
    char path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0 || path[0] != '/') return 0;
    path[size] = 0;
    return hang_or_fail(fault_on_path(operation, path));
}

#define FAIL_IF(operation, fd)                  \
    do {                                        \
        const int code = fault(operation, fd);  \
        if (code != 0) {                        \
            errno = code;                       \
            return -1;                          \
        }                                       \
    } while (0)

ssize_t write(int fd, const void* data, size_t size) {
    FAIL_IF("write", fd);
    return REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
    FAIL_IF("write", fd);
    return REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
    FAIL_IF("write", fd);
    return REAL(pwrite64)(fd, data, size, at);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
    FAIL_IF("write", fd);
    return REAL(writev)(fd, parts, count);
}
int ftruncate(int fd, off_t size) {
    FAIL_IF("write", fd);
    return REAL(ftruncate)(fd, size);
}
int fallocate(int fd, int mode, off_t at, off_t size) {
    FAIL_IF("write", fd);
    return REAL(fallocate)(fd, mode, at, size);
}
int fsync(int fd) {
    FAIL_IF("sync", fd);
    return REAL(fsync)(fd);
}
int fdatasync(int fd) {
    FAIL_IF("sync", fd);
    return REAL(fdatasync)(fd);
}
ssize_t read(int fd, void* data, size_t size) {
    FAIL_IF("read", fd);
    return REAL(read)(fd, data, size);
}
ssize_t pread(int fd, void* data, size_t size, off_t at) {
    FAIL_IF("read", fd);
    return REAL(pread)(fd, data, size, at);
}
ssize_t pread64(int fd, void* data, size_t size, off64_t at) {
    FAIL_IF("read", fd);
    return REAL(pread64)(fd, data, size, at);
}

#define OPEN(name, ...)                                                       \
    int name(__VA_ARGS__ const char* path, int flags, ...) {                  \
        mode_t mode = 0;                                                      \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0) {                           \
            va_list rest;                                                     \
            va_start(rest, flags);                                            \
            mode = va_arg(rest, mode_t);                                      \
            va_end(rest);                                                     \
            const int code = hang_or_fail(fault_on_path("create", path));     \
            if (code != 0) {                                                  \
                errno = code;                                                 \
                return -1;                                                    \
            }                                                                 \
        }                                                                     \
        return CALL(name);                                                    \
    }
#define CALL(name) REAL(name)(path, flags, mode)
OPEN(open, )
OPEN(open64, )
#undef CALL
#define CALL(name) REAL(name)(folder, path, flags, mode)
#define FOLDER int folder,
OPEN(openat, FOLDER)
OPEN(openat64, FOLDER)
