/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/qtest.h"

/* Longest time between two signs of life, in milliseconds. */
#define ANSWER_TIMEOUT 60000
/* A machine that was told to stop has this long. */
#define STOP_TIMEOUT 10000

struct QTest {
    pid_t pid;
    bool reaped;
    int status;
    int sock;
    int err;            /* an anonymous file: the machine's stderr */
    GString *in;        /* received, not yet taken */
};

/* What the names of QEMU's emulators begin with. */
#define QEMU_PREFIX "qemu-system-"

static const char *target = "x86_64";
static bool use_tcp;

void qtest_set_tcp(bool on)
{
    use_tcp = on;
}

void qtest_set_target(const char *name)
{
    target = name;
}

/* $QTEST_QEMU_BINARY, or its neighbour for another architecture. */
static const char *qemu_binary(void)
{
    static char *sibling;
    const char *path = g_getenv("QTEST_QEMU_BINARY");
    const char *name = path ? strrchr(path, '/') : NULL;

    name = name ? name + 1 : path;
    if (!name || !g_str_has_prefix(name, QEMU_PREFIX)) {
        return path;
    }
    g_free(sibling);
    sibling = g_strdup_printf("%.*s" QEMU_PREFIX "%s", (int)(name - path),
                              path, target);
    return sibling;
}

static const char *machine_binary(void)
{
    const char *path = qemu_binary();

    if (!path || !*path) {
        path = g_getenv("VIOMMU_MACHINE");
    }
    if (!path || !*path) {
        printf("Bail out! QTEST_QEMU_BINARY or VIOMMU_MACHINE must name "
               "the machine to test\n");
        exit(1);
    }
    return path;
}

bool qtest_is_qemu(void)
{
    g_autofree char *name = g_path_get_basename(machine_binary());

    return g_str_has_prefix(name, QEMU_PREFIX);
}

/* --- The child ----------------------------------------------------------- */

static char *captured_stderr(int fd)
{
    struct stat st;
    char *text;

    if (fstat(fd, &st) < 0 || st.st_size <= 0) {
        return g_strdup("");
    }
    text = g_malloc0(st.st_size + 1);
    if (pread(fd, text, st.st_size, 0) < 0) {
        text[0] = 0;
    }
    return text;
}

static char *describe_status(int status)
{
    if (WIFSIGNALED(status)) {
        return g_strdup_printf("killed by signal %d (%s)", WTERMSIG(status),
                               strsignal(WTERMSIG(status)));
    }
    return g_strdup_printf("exit status %d", WEXITSTATUS(status));
}

/* Wait at most @ms for the child's end. */
static bool reap(QTest *q, int ms)
{
    for (int waited = 0; !q->reaped; waited++) {
        pid_t pid = waitpid(q->pid, &q->status, WNOHANG);

        if (pid == q->pid || (pid < 0 && errno != EINTR)) {
            q->reaped = true;
        } else if (waited >= ms) {
            return false;
        } else {
            g_usleep(1000);
        }
    }
    return true;
}

void qtest_fail(QTest *q, const char *format, ...)
{
    g_autofree char *message = NULL;
    g_autofree char *err = NULL;
    va_list ap;

    va_start(ap, format);
    message = g_strdup_vprintf(format, ap);
    va_end(ap);
    /* A crashing child may still be writing its report. */
    if (!reap(q, 500)) {
        kill(q->pid, SIGKILL);
        reap(q, STOP_TIMEOUT);
    }
    err = captured_stderr(q->err);
    if (*err) {
        fprintf(stderr, "--- the machine's stderr:\n%s---\n", err);
    }
    fflush(stderr);
    printf("Bail out! %s\n", message);
    fflush(stdout);
    exit(1);
}

static void add_fixed_options(GPtrArray *argv)
{
    if (!qtest_is_qemu()) {
        return;
    }
    /* By default each command is logged to stderr. */
    g_ptr_array_add(argv, g_strdup("-qtest-log"));
    g_ptr_array_add(argv, g_strdup("none"));
}

/*
 * A QEMU that brings its own library must not meet the one that meson puts
 * into the environment, which may be of another day.
 */
static void keep_own_library(const char *binary)
{
    g_autofree char *dir = g_path_get_dirname(binary);
    g_autofree char *own = g_build_filename(dir, "..", "lib",
                                            "libviommu.so.0", NULL);

    if (qtest_is_qemu() && g_file_test(own, G_FILE_TEST_EXISTS)) {
        g_unsetenv("LD_LIBRARY_PATH");
    }
}

static char **make_argv(const char *options, const char *place)
{
    const char *binary = machine_binary();
    GPtrArray *argv = g_ptr_array_new();
    GError *error = NULL;
    char **words = NULL;

    g_ptr_array_add(argv, g_strdup(binary));
    add_fixed_options(argv);
    g_ptr_array_add(argv, g_strdup("-accel"));
    g_ptr_array_add(argv, g_strdup("qtest"));
    g_ptr_array_add(argv, g_strdup("-qtest"));
    g_ptr_array_add(argv, g_strdup(place));
    g_ptr_array_add(argv, g_strdup("-display"));
    g_ptr_array_add(argv, g_strdup("none"));
    g_ptr_array_add(argv, g_strdup("-nodefaults"));
    if (*options && !g_shell_parse_argv(options, NULL, &words, &error)) {
        g_error("options of a test: %s", error->message);
    }
    for (char **word = words; word && *word; word++) {
        g_ptr_array_add(argv, *word);
    }
    g_free(words);
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(argv, FALSE);
}

static void spawn(QTest *q, char **argv)
{
    pid_t parent = getpid();

    q->err = memfd_create("stderr", MFD_CLOEXEC);
    g_assert_cmpint(q->err, >=, 0);
    q->pid = fork();
    g_assert_cmpint(q->pid, >=, 0);
    if (q->pid == 0) {
        int null = open("/dev/null", O_RDWR);

        /* No machine outlives its test. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || null < 0) {
            _exit(126);
        }
        dup2(null, 0);
        dup2(null, 1);
        dup2(q->err, 2);
        execv(argv[0], argv);
        dprintf(2, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
}

/* --- Connection ---------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 && errno == EAFNOSUPPORT) {
        return -1;
    }
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpuint(strlen(path), <, sizeof(addr.sun_path));
    strcpy(addr.sun_path, path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

/* A small kernel may lack the other kind of sockets; *@place is the port. */
static int listen_on_loopback(char **place)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, length), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&addr, &length), ==,
                    0);
    *place = g_strdup_printf("tcp:127.0.0.1:%u", ntohs(addr.sin_port));
    return fd;
}

/*
 * Accept the child's connection.  False when it ended without connecting,
 * or connected and closed at once (a machine may connect before it has
 * looked at all of its options).
 */
static bool accept_child(QTest *q, int listener)
{
    struct pollfd poller = { .fd = listener, .events = POLLIN };

    for (int waited = 0; waited < ANSWER_TIMEOUT; waited += 10) {
        if (poll(&poller, 1, 10) == 1) {
            q->sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            g_assert_cmpint(q->sock, >=, 0);
            return true;
        }
        if (reap(q, 0)) {
            return false;
        }
    }
    qtest_fail(q, "the machine did not connect");
}

static QTest *launch(const char *options, bool *connected)
{
    QTest *q = g_new0(QTest, 1);
    g_autofree char *dir = g_dir_make_tmp("viommu-qtest-XXXXXX", NULL);
    g_autofree char *path = NULL;
    g_autofree char *place = NULL;
    char **argv;
    int listener;

    g_assert_nonnull(dir);
    path = g_build_filename(dir, "sock", NULL);
    q->sock = -1;
    q->in = g_string_new(NULL);
    listener = use_tcp ? -1 : listen_at(path);
    if (listener >= 0) {
        place = g_strdup_printf("unix:%s", path);
    } else {
        listener = listen_on_loopback(&place);
    }
    keep_own_library(machine_binary());
    argv = make_argv(options, place);
    spawn(q, argv);
    g_strfreev(argv);
    *connected = accept_child(q, listener);
    close(listener);
    unlink(path);
    rmdir(dir);
    return q;
}

static void dispose(QTest *q)
{
    if (q->sock >= 0) {
        close(q->sock);
    }
    close(q->err);
    g_string_free(q->in, TRUE);
    g_free(q);
}

G_NORETURN static void child_died(QTest *q, const char *during)
{
    g_autofree char *how = NULL;

    if (!reap(q, STOP_TIMEOUT)) {
        qtest_fail(q, "the machine closed the connection during '%s'",
                   during);
    }
    how = describe_status(q->status);
    qtest_fail(q, "the machine died during '%s': %s", during, how);
}

/* The next line, without its end; g_free() it.  NULL at the stream's end. */
static char *receive_line(QTest *q, const char *during)
{
    for (;;) {
        char *end = memchr(q->in->str, '\n', q->in->len);
        struct pollfd poller = { .fd = q->sock, .events = POLLIN };
        char buf[16384];
        ssize_t n;

        if (end) {
            char *line = g_strndup(q->in->str, end - q->in->str);

            g_string_erase(q->in, 0, end - q->in->str + 1);
            return line;
        }
        if (poll(&poller, 1, ANSWER_TIMEOUT) == 0) {
            qtest_fail(q, "the machine did not answer '%s' in %d s", during,
                       ANSWER_TIMEOUT / 1000);
        }
        n = read(q->sock, buf, sizeof(buf));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return NULL;
        }
        g_string_append_len(q->in, buf, n);
    }
}

/* Send @command; the answer's words behind OK, for g_free(). */
static char *command(QTest *q, const char *text)
{
    g_autofree char *shown = g_strndup(text, MIN(strlen(text), 100));
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    size_t len = strlen(line);

    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(q->sock, line + sent, len - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR) {
            child_died(q, shown);
        }
        sent += n < 0 ? 0 : n;
    }
    for (;;) {
        char *answer = receive_line(q, shown);

        if (!answer) {
            child_died(q, shown);
        }
        if (g_str_has_prefix(answer, "OK")) {
            memmove(answer, answer + 2, strlen(answer) - 1);
            return g_strstrip(answer);
        }
        if (!g_str_has_prefix(answer, "IRQ ")) {
            qtest_fail(q, "'%s' was answered by '%s'", shown, answer);
        }
        g_free(answer);
    }
}

char *qtest_special(QTest *q, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    return command(q, text);
}

/* --- Start and end ------------------------------------------------------- */

QTest *qtest_start(const char *format, ...)
{
    g_autofree char *options = NULL;
    bool connected;
    QTest *q;
    va_list ap;

    va_start(ap, format);
    options = g_strdup_vprintf(format, ap);
    va_end(ap);
    q = launch(options, &connected);
    if (!connected) {
        g_autofree char *how = describe_status(q->status);

        qtest_fail(q, "the machine did not start with '%s': %s", options,
                   how);
    }
    /* It is up when it answers. */
    g_free(command(q, "endianness"));
    return q;
}

char *qtest_said(QTest *q)
{
    return captured_stderr(q->err);
}

void qtest_end(QTest *q)
{
    g_autofree char *err = NULL;
    bool good;

    if (reap(q, 0)) {
        child_died(q, "(end of the test)");
    }
    close(q->sock);
    q->sock = -1;
    /* viommu-machine ends with its connection, QEMU when it is told to. */
    if (qtest_is_qemu() || !reap(q, STOP_TIMEOUT)) {
        kill(q->pid, SIGTERM);
    }
    if (!reap(q, STOP_TIMEOUT)) {
        qtest_fail(q, "the machine does not end");
    }
    good = WIFSIGNALED(q->status) ? WTERMSIG(q->status) == SIGTERM
                                  : WEXITSTATUS(q->status) == 0;
    if (!good) {
        child_died(q, "(end of the test)");
    }
    err = captured_stderr(q->err);
    if (*err) {
        fprintf(stderr, "%s", err);
    }
    dispose(q);
}

char *qtest_start_refused(const char *format, ...)
{
    g_autofree char *options = NULL;
    bool connected;
    char *err;
    QTest *q;
    va_list ap;

    va_start(ap, format);
    options = g_strdup_vprintf(format, ap);
    va_end(ap);
    q = launch(options, &connected);
    if (connected) {
        static const char ask[] = "endianness\n";
        char *answer = NULL;

        if (send(q->sock, ask, sizeof(ask) - 1, MSG_NOSIGNAL) > 0) {
            answer = receive_line(q, "endianness");
        }
        if (answer) {
            qtest_fail(q, "the machine starts with '%s'", options);
        }
    }
    if (!reap(q, STOP_TIMEOUT)) {
        qtest_fail(q, "the machine hangs with '%s'", options);
    }
    if (!WIFEXITED(q->status) || WEXITSTATUS(q->status) != 1) {
        g_autofree char *how = describe_status(q->status);

        qtest_fail(q, "options '%s': %s", options, how);
    }
    err = captured_stderr(q->err);
    dispose(q);
    return err;
}
