/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first process of a guest that runs nothing but the conformance
 * program: gives each viommu-testdev to vfio-pci, runs /uapi with its output
 * to the second serial port, and switches the machine off.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        perror(path);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static bool file_is(const char *device, const char *name, const char *text)
{
    char path[512], line[64] = "";
    FILE *file;

    snprintf(path, sizeof(path), DEVICES "/%s/%s", device, name);
    file = fopen(path, "r");
    if (!file) {
        return false;
    }
    if (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
    }
    fclose(file);
    return !strcmp(line, text);
}

static void bind_devices(void)
{
    DIR *dir = opendir(DEVICES);
    struct dirent *entry;
    char path[512];

    while (dir && (entry = readdir(dir))) {
        if (file_is(entry->d_name, "vendor", "0x1234") &&
            file_is(entry->d_name, "device", "0x76d0")) {
            snprintf(path, sizeof(path), DEVICES "/%s/driver_override",
                     entry->d_name);
            put(path, "vfio-pci");
            put("/sys/bus/pci/drivers_probe", entry->d_name);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

static void use_terminal(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY);

    if (fd >= 0) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        close(fd);
    }
}

int main(void)
{
    static const char *const ports[] = { "/dev/ttyS1", "/dev/ttyAMA1" };
    int status = 0;
    pid_t pid;

    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    use_terminal("/dev/console");
    bind_devices();
    for (unsigned i = 0; i < 2; i++) {
        if (!access(ports[i], W_OK)) {
            use_terminal(ports[i]);
        }
    }
    pid = fork();
    if (!pid) {
        execl("/uapi", "uapi", NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    printf("# status %#x\n", status);
    fflush(stdout);
    /* what is in the ports' buffers goes out first */
    sleep(1);
    reboot(RB_POWER_OFF);
    return 1;
}
