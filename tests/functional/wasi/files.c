/* Files from C: write, read, seek, list, rename, unlink, stat. Prints what it saw; exits 7. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "failed: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list(const char *path) {
    char *names[64];
    int count = 0;
    DIR *dir = opendir(path);
    check(dir != NULL, path);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL && count < 64;)
        if (entry->d_name[0] != '.') names[count++] = strdup(entry->d_name);
    closedir(dir);
    for (int i = 1; i < count; ++i)
        check(by_name(&names[i - 1], &names[i]) < 0, "listing in byte order");
    printf("%s:", path);
    for (int i = 0; i < count; ++i) printf(" %s", names[i]);
    printf("\n");
}

int main(int argc, char **argv) {
    for (int i = 0; i < argc; ++i) printf("arg %d: %s\n", i, argv[i]);
    printf("GREETING=%s task %s of %s\n", getenv("GREETING"), getenv("MILLRACE_TASK"),
           getenv("MILLRACE_TASKS"));

    check(mkdir("tree", 0755) == 0, "mkdir");
    check(mkdir("/tree/sub", 0755) == 0, "mkdir of an absolute path");
    FILE *file = fopen("tree/sub/data.txt", "w+");
    check(file != NULL, "fopen");
    for (int i = 0; i < 3000; ++i) fprintf(file, "line %d\n", i);
    check(fseek(file, 10000, SEEK_SET) == 0, "fseek");
    char line[64];
    check(fgets(line, sizeof line, file) != NULL && fgets(line, sizeof line, file) != NULL, "fgets");
    printf("at 10000: %s", line);
    check(fclose(file) == 0, "fclose");

    struct stat status;
    check(stat("tree/sub/data.txt", &status) == 0 && S_ISREG(status.st_mode), "stat");
    printf("size %lld\n", (long long)status.st_size);
    int fd = open("tree/sub/data.txt", O_WRONLY | O_APPEND);
    check(fd >= 0 && write(fd, "end\n", 4) == 4 && close(fd) == 0, "append");
    check(truncate("tree/sub/data.txt", 12) == 0, "truncate");
    check(rename("tree/sub/data.txt", "tree/moved.txt") == 0, "rename");
    check(unlink("tree/nothing") < 0 && errno == ENOENT, "unlink of nothing");
    check(rmdir("tree") < 0 && errno == ENOTEMPTY, "rmdir of a full directory");
    check(rmdir("tree/sub") == 0, "rmdir");

    file = fopen("/in/names/b.txt", "r");
    check(file != NULL && fgets(line, sizeof line, file) != NULL, "reading the input");
    printf("input: %s", line);
    fclose(file);
    check(open("/in/names/b.txt", O_RDWR) < 0 && errno == EROFS, "the input is read-only");
    check(access("/in/absent", F_OK) < 0 && errno == ENOENT, "what is absent");
    list("/in");
    list("/in/names");
    list("tree");

    file = fopen("/tmp/scratch", "w");
    check(file != NULL && fputs("not kept", file) >= 0 && fclose(file) == 0, "scratch");
    check(fgets(line, sizeof line, stdin) != NULL, "standard input");
    printf("stdin: %s", line);
    fprintf(stderr, "to stderr\n");
    return 7;
}
