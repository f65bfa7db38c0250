/* What the system knows of this process, under the names that the clients of Prometheus use. */
#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "raftmetrics/base/version.h"
#include "self.h"

enum { STAT_BYTES_MAX = 4096 };

/* Of /proc/self/stat (proc(5)), times in clock ticks. */
struct process_stat {
    uint64_t user_ticks;
    uint64_t system_ticks;
    uint64_t start_ticks; /* since the system's start */
    uint64_t virtual_bytes;
    uint64_t resident_pages;
};

static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len;

    if (file == NULL) {
        return false;
    }
    len = fread(text, 1, size - 1, file);
    fclose(file);
    text[len] = '\0';
    return len > 0;
}

/* The second field is the program's name in parentheses, which may hold anything. */
static bool read_stat(struct process_stat *ret_stat)
{
    char text[STAT_BYTES_MAX];
    const char *rest;

    if (!read_text("/proc/self/stat", text, sizeof text)) {
        return false;
    }
    rest = strrchr(text, ')');
    return rest != NULL &&
           sscanf(rest,
                  ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                  " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
                  &ret_stat->user_ticks, &ret_stat->system_ticks, &ret_stat->start_ticks,
                  &ret_stat->virtual_bytes, &ret_stat->resident_pages) == 5;
}

/* When the system started, in seconds since the epoch; NAN where that is not known. */
static double boot_time(void)
{
    char line[256];
    double seconds = NAN;
    FILE *file = fopen("/proc/stat", "re");

    while (file != NULL && isnan(seconds) && fgets(line, sizeof line, file) != NULL) {
        uint64_t value;

        if (sscanf(line, "btime %" SCNu64, &value) == 1) {
            seconds = (double)value;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return seconds;
}

static void write_stat(struct rm_exposition *exposition)
{
    struct process_stat stat;
    double hz = (double)sysconf(_SC_CLK_TCK);
    double boot = boot_time();

    if (!read_stat(&stat)) {
        return;
    }
    rm__self_counter(exposition, "process_cpu_seconds_total",
                     "User and system time that the process has used.");
    rm_exposition_value(exposition, (double)(stat.user_ticks + stat.system_ticks) / hz);
    rm__self_gauge_of(exposition, "process_virtual_memory_bytes", "Virtual memory of the process.",
                      (double)stat.virtual_bytes);
    rm__self_gauge_of(exposition, "process_resident_memory_bytes",
                      "Resident memory of the process.",
                      (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
    if (!isnan(boot)) {
        rm__self_gauge_of(exposition, "process_start_time_seconds",
                          "When the process started, in seconds since the epoch.",
                          boot + (double)stat.start_ticks / hz);
    }
}

/* The directory is read through a descriptor that is itself in it, and gone afterwards. */
static void write_descriptors(struct rm_exposition *exposition)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    struct rlimit limit;
    double n = -1;

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    rm__self_gauge_of(exposition, "process_open_fds", "File descriptors that are open.", n);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        rm__self_gauge_of(exposition, "process_max_fds",
                          "File descriptors that the process may have open.",
                          limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur);
    }
}

void rm__self_write_process(struct rm_exposition *exposition, const char *role)
{
    rm__self_gauge(exposition, "raftmetrics_build_info",
                   "Always 1; the labels say what runs here.");
    rm__self_labels(exposition, "version", RM_VERSION, "role", role, NULL);
    rm_exposition_value(exposition, 1);
    write_stat(exposition);
    write_descriptors(exposition);
}
