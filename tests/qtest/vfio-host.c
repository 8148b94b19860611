/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/qtest/vfio-host.h"

#define QMP_PORT 4455

const char *vfio_first, *vfio_second;

bool vfio_find_devices(void)
{
    static char **list;
    const char *names = g_getenv("VIOMMU_VFIO");

    if (!names && qtest_is_qemu()) {
        g_print("1..0 # SKIP VIOMMU_VFIO names no device of vfio-pci\n");
        return false;
    }
    list = g_strsplit(names ? names : "", ",", 2);
    vfio_first = list[0];
    vfio_second = vfio_first ? list[1] : NULL;
    return true;
}

char *vfio_device(const char *address, const char *options)
{
    if (!address) {
        return g_strdup_printf("host-testdev%s", options);
    }
    return g_strdup_printf("vfio-pci,host=%s%s", address,
                           qtest_is_qemu() ? ",iommufd=i0" : "");
}

const char *vfio_objects(void)
{
    return qtest_is_qemu() ? " -object iommufd,id=i0" : "";
}

void vfio_refused(const char *options, const char *says)
{
    g_autofree char *err = qtest_start_refused("%s%s", options,
                                               vfio_objects());
    const char *line = err, *end;

    /* that of a QEMU with KVM that does not use it */
    if (strstr(err, "KVM VFIO device isn't created yet\n")) {
        line = strchr(err, '\n') + 1;
    }
    end = strchr(line, '\n');
    /* one line */
    if (!strstr(line, says) || !end || end[1]) {
        g_error("'%s' is refused without '%s', or not in one line: %s",
                options, says, err);
    }
}

/* --- QEMU's monitor ------------------------------------------------------ */

/* Wait until the monitor has written @text, and a line's end; what else. */
static char *qmp_await(int fd, const char *text)
{
    GString *all = g_string_new(NULL);
    const char *at;
    char buf[1024];

    while (!(at = strstr(all->str, text)) || !strchr(at, '\n')) {
        ssize_t n = read(fd, buf, sizeof(buf));

        if (n <= 0) {
            g_error("no %s from the monitor, only %s", text, all->str);
        }
        g_string_append_len(all, buf, n);
    }
    return g_string_free(all, FALSE);
}

static void qmp_send(int fd, const char *command)
{
    size_t n = strlen(command);

    g_assert_cmpint(write(fd, command, n), ==, n);
}

void qmp(int fd, const char *command, const char *await)
{
    qmp_send(fd, command);
    g_free(qmp_await(fd, await));
}

int qmp_open(void)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(QMP_PORT),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct timeval timeout = { .tv_sec = 20 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                               sizeof(timeout)), ==, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==,
                    0);
    g_free(qmp_await(fd, "QMP"));
    qmp(fd, "{\"execute\":\"qmp_capabilities\"}", "\"return\"");
    return fd;
}

/* --- A slot -------------------------------------------------------------- */

/* The slot's power and its indicator (in slot control), on or off. */
static void set_power(PciDev *port, bool on)
{
    unsigned at = pci_find_capability(port, 0x10) + 0x18;
    unsigned control = pci_config_read(port, at, 2) & ~0x700u;

    pci_config_write(port, at, control | (on ? 0x100 : 0x700), 2);
}

static char *plug_command(void)
{
    return g_strdup_printf(
        "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"vfio-pci\","
        "\"host\":\"%s\",\"iommufd\":\"i0\",\"id\":\"d1\",\"bus\":\"rp\"}}",
        vfio_first);
}

void vfio_plug(int qmp_fd, PciDev *port)
{
    g_autofree char *command = plug_command();

    qmp(qmp_fd, command, "\"return\"");
    set_power(port, true);
}

void vfio_plug_refused(int qmp_fd, const char *says)
{
    g_autofree char *command = plug_command();
    g_autofree char *answer = NULL;

    qmp_send(qmp_fd, command);
    answer = qmp_await(qmp_fd, "\"error\"");
    if (!strstr(answer, says)) {
        g_error("refused without '%s': %s", says, answer);
    }
}

/* What an operator asks for, a guest has to grant: it switches the slot off. */
void vfio_unplug(int qmp_fd, PciDev *port)
{
    static const char command[] =
        "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"d1\"}}";

    qmp(qmp_fd, command, "\"return\"");
    set_power(port, false);
    g_free(qmp_await(qmp_fd, "DEVICE_DELETED"));
}
