/* Preloaded into a server under test: a disk that is full, or whose sync fails, while the file that FAULT_FULL or
 * FAULT_SYNC names exists. Only files of the journal are touched: the index is rebuildable. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int armed(const char *variable) {
    const char *path = getenv(variable);
    return path && access(path, F_OK) == 0;
}

static int in_journal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, "/journal/") != NULL;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    struct stat64 status;
    if (armed("FAULT_FULL") && in_journal(fd) && fstat64(fd, &status) == 0
        && offset + (off64_t)count > status.st_size) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, bytes, count, offset);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    if (armed("FAULT_SYNC") && in_journal(fd)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}
