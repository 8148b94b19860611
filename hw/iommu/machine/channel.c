/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The line to a qtest client.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hw/iommu/machine/bus.h"
#include "hw/iommu/machine/channel.h"

#define READ_SIZE 65536

struct Channel {
    int in, out;
    /* a listening socket, or -1 */
    int listener;
    /* what was read; lines up to start are done, up to scanned have no end */
    GString *buf;
    size_t start;
    size_t scanned;
    bool skipping;
    bool is_socket;
    sigset_t signals;
    /* struct pollfd: the one that is waited for, then others */
    GArray *fds;
};

static volatile sig_atomic_t stop_requested;
/* ppoll() runs, or will before a signal can come */
static volatile sig_atomic_t waiting;
/* the file of a listening socket, for the signal handler */
static char listening_path[sizeof(((struct sockaddr_un *)0)->sun_path)];

/*
 * While the program waits, it ends in good order.  A command can take a
 * while; then only the socket's file goes.
 */
static void on_signal(int number)
{
    (void)number;
    if (waiting) {
        stop_requested = 1;
        return;
    }
    if (listening_path[0]) {
        unlink(listening_path);
    }
    _exit(0);
}

static void catch_signals(Channel *channel)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal };

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&channel->signals);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        sigaddset(&channel->signals, numbers[i]);
    }
    action.sa_mask = channel->signals;
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

typedef union Place {
    struct sockaddr any;
    struct sockaddr_un file;
    struct sockaddr_in tcp;
} Place;

/* As the option has it. */
static char *place_name(const MachineOptions *options)
{
    char address[INET_ADDRSTRLEN] = "";

    if (options->channel_path) {
        return g_strdup_printf("unix:%s", options->channel_path);
    }
    inet_ntop(AF_INET, &options->channel_address, address, sizeof(address));
    return g_strdup_printf("tcp:%s:%u", address, options->channel_port);
}

static bool refused(const char *name, const char *what, int number,
                    GError **error)
{
    g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                "-qtest %s: cannot %s: %s", name, what, g_strerror(number));
    return false;
}

/* Returns the bytes of *@place, 0 when a path does not fit. */
static socklen_t make_place(const MachineOptions *options, Place *place)
{
    const char *path = options->channel_path;

    *place = (Place) { 0 };
    if (!path) {
        place->tcp.sin_family = AF_INET;
        place->tcp.sin_addr = options->channel_address;
        place->tcp.sin_port = htons(options->channel_port);
        return sizeof(place->tcp);
    }
    if (strlen(path) >= sizeof(place->file.sun_path)) {
        return 0;
    }
    place->file.sun_family = AF_UNIX;
    strcpy(place->file.sun_path, path);
    return sizeof(place->file);
}

static int listen_at(int fd, const Place *place, socklen_t size)
{
    const char *path = place->file.sun_path;
    bool is_file = place->any.sa_family == AF_UNIX;
    struct stat status;
    int on = 1;

    /* A socket that an earlier run left; never any other file. */
    if (is_file && lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        unlink(path);
    }
    /* And a port that one has just left. */
    if (!is_file) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    if (bind(fd, &place->any, size) < 0) {
        return -1;
    }
    if (is_file) {
        strcpy(listening_path, path);
    }
    return listen(fd, 1);
}

static int connect_to(int fd, const Place *place, socklen_t size)
{
    int on = 1;

    /* Each answer is waited for. */
    if (place->any.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return connect(fd, &place->any, size);
}

static bool open_socket(Channel *channel, const MachineOptions *options,
                        GError **error)
{
    bool listening = options->channel == CHANNEL_LISTEN;
    g_autofree char *name = place_name(options);
    Place place;
    socklen_t size = make_place(options, &place);
    int fd;

    if (!size) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "-qtest %s: the path is longer than %zu bytes", name,
                    sizeof(place.file.sun_path) - 1);
        return false;
    }
    channel->is_socket = true;
    fd = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return refused(name, "have a socket", errno, error);
    }
    if ((listening ? listen_at : connect_to)(fd, &place, size) < 0) {
        refused(name, listening ? "listen" : "connect", errno, error);
        close(fd);
        return false;
    }
    if (listening) {
        channel->listener = fd;
    } else {
        channel->in = channel->out = fd;
    }
    return true;
}

Channel *channel_open(const MachineOptions *options, GError **error)
{
    Channel *channel = g_new0(Channel, 1);

    channel->in = channel->out = channel->listener = -1;
    channel->buf = g_string_new(NULL);
    channel->fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    catch_signals(channel);
    if (options->channel == CHANNEL_STDIO) {
        channel->in = STDIN_FILENO;
        channel->out = STDOUT_FILENO;
    } else if (!open_socket(channel, options, error)) {
        channel_free(channel);
        return NULL;
    }
    return channel;
}

/* Forget the client. */
static void channel_hang_up(Channel *channel)
{
    if (channel->in > STDERR_FILENO) {
        close(channel->in);
    }
    channel->in = channel->out = -1;
    g_string_truncate(channel->buf, 0);
    channel->start = 0;
    channel->scanned = 0;
    channel->skipping = false;
}

void channel_free(Channel *channel)
{
    if (!channel) {
        return;
    }
    channel_hang_up(channel);
    if (channel->listener >= 0) {
        close(channel->listener);
    }
    if (listening_path[0]) {
        unlink(listening_path);
        listening_path[0] = 0;
    }
    g_string_free(channel->buf, TRUE);
    g_array_free(channel->fds, TRUE);
    g_free(channel);
}

typedef enum Waited {
    WAITED_FD,
    WAITED_OTHER,       /* one of the others, and not the descriptor */
    WAITED_STOP,        /* a signal asks to stop */
} Waited;

/* Wait until @fd has @events, or one of @others something. */
static Waited channel_wait(Channel *channel, int fd, short events,
                           const struct pollfd *others, unsigned n)
{
    const struct pollfd own = { .fd = fd, .events = events };
    GArray *fds = channel->fds;
    sigset_t before;
    int ret = 0;

    g_array_set_size(fds, 0);
    g_array_append_val(fds, own);
    g_array_append_vals(fds, others, n);
    /* From here on no signal comes but in ppoll(), so none is missed. */
    sigprocmask(SIG_BLOCK, &channel->signals, &before);
    waiting = 1;
    while (!stop_requested && ret == 0) {
        ret = ppoll((struct pollfd *)(void *)fds->data, fds->len, NULL,
                    &before);
        if (ret < 0 && errno == EINTR) {
            ret = 0;
        }
    }
    waiting = 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (ret <= 0 || stop_requested) {
        return WAITED_STOP;
    }
    return g_array_index(fds, struct pollfd, 0).revents ? WAITED_FD
                                                        : WAITED_OTHER;
}

/* Have a client. */
static Waited channel_accept(Channel *channel, const struct pollfd *others,
                             unsigned n)
{
    while (channel->in < 0) {
        Waited waited = WAITED_STOP;
        int fd;

        if (channel->listener >= 0) {
            waited = channel_wait(channel, channel->listener, POLLIN, others,
                                  n);
        }
        if (waited != WAITED_FD) {
            return waited;
        }
        fd = accept4(channel->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno != EINTR && errno != ECONNABORTED &&
            errno != EAGAIN) {
            return WAITED_STOP;
        }
        channel->in = channel->out = fd;
    }
    return WAITED_FD;
}

/* Take a whole line out of the buffer. */
static bool channel_take(Channel *channel, char **line, size_t *size)
{
    GString *buf = channel->buf;
    char *end = memchr(buf->str + channel->scanned, '\n',
                       buf->len - channel->scanned);

    if (!end) {
        channel->scanned = buf->len;
        return false;
    }
    *end = 0;
    *line = buf->str + channel->start;
    *size = end - *line;
    channel->start = channel->scanned = end + 1 - buf->str;
    return true;
}

ChannelEvent channel_read(Channel *channel, const struct pollfd *others,
                          unsigned n_others, char **line, size_t *size)
{
    Waited waited = channel_accept(channel, others, n_others);
    GString *buf = channel->buf;

    while (!stop_requested && waited == WAITED_FD) {
        char part[READ_SIZE];
        ssize_t n;

        if (channel_take(channel, line, size)) {
            if (!channel->skipping) {
                return CHANNEL_LINE;
            }
            channel->skipping = false;
            return CHANNEL_TOO_LONG;
        }
        if (channel->start) {
            g_string_erase(buf, 0, channel->start);
            channel->scanned -= channel->start;
            channel->start = 0;
        }
        if (buf->len > CHANNEL_LINE_MAX) {
            channel->skipping = true;
        }
        if (channel->skipping) {
            g_string_truncate(buf, 0);
            channel->scanned = 0;
        }
        waited = channel_wait(channel, channel->in, POLLIN, others, n_others);
        if (waited != WAITED_FD) {
            break;
        }
        n = read(channel->in, part, sizeof(part));
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (n <= 0) {
            channel_hang_up(channel);
            return CHANNEL_CLOSED;
        }
        g_string_append_len(buf, part, n);
    }
    return waited == WAITED_OTHER ? CHANNEL_OTHER : CHANNEL_END;
}

void channel_write(Channel *channel, const char *text, size_t size)
{
    while (size && channel->out >= 0) {
        ssize_t n;

        if (channel_wait(channel, channel->out, POLLOUT, NULL, 0) !=
            WAITED_FD) {
            return;
        }
        /* Never so much that it blocks, so that signals get through. */
        if (channel->is_socket) {
            n = send(channel->out, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        } else {
            n = write(channel->out, text, MIN(size, PIPE_BUF));
        }
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            return;
        }
        if (n > 0) {
            text += n;
            size -= n;
        }
    }
}
