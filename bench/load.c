/* A load generator for one gateway: HTTP/1.1, keep-alive, one thread, one epoll.
 *
 *     gcc -O2 -o load load.c
 *     ./load -p PORT -b BODYFILE [-u PATH] [-H 'name: value'].. [-c CONNECTIONS]
 *            (-n REQUESTS | -d SECONDS) [-r RATE] [-s CONTENT_EVENTS]
 *
 * Closed loop unless -r is given. With -r requests start at fixed instants, and latency counts
 * from the instant a request was due, so that waiting for a slow gateway is not left out.
 *
 * -s: the answer is a stream and is good only if it ends with [DONE] and holds that many content
 * events, told by the mock's stamps ("T" and 19 digits). Ends after the last answer and prints
 * one JSON line; exit status 1 if anything was not answered with a good 200.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, LINE_MAX_ = 8192, MAX_FAILURES = 100, STALL_S = 30 };

static const int64_t SECOND = 1000000000LL;

/* Where the reader of one answer is. */
typedef enum { HEAD, SIZED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE, FINISHED } State;

typedef struct {
    int fd, busy, status, closing, saw_done, content_events;
    State state;
    char head[HEAD_MAX + 1], line[LINE_MAX_ + 1], size_line[32];
    size_t head_len, line_len, size_len, left;
    size_t unsent; /* request bytes still to send */
    int64_t due_ns, first_ns;
} Conn;

typedef struct {
    float *us;
    long n, cap;
} Samples;

static struct {
    int port, connections, content_events, streaming;
    const char *path;
    char headers[8192];
    double rate, seconds;
    long total;
} opt = {.port = 0, .connections = 16, .path = "/v1/chat/completions", .total = -1};

static char *request;
static size_t request_len;
static Conn *conns;
static int ep;
static long started, good, bad_status, bad_stream, broken, reconnects, bytes_in, events_in;
static Samples latency, first_byte, relay;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static void sample(Samples *s, int64_t ns) {
    if (s->n == s->cap) s->us = realloc(s->us, (size_t)(s->cap = s->cap * 2 + 4096) * sizeof(float));
    s->us[s->n++] = (float)((double)ns / 1e3);
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(Samples *s, double q) {
    if (!s->n) return -1;
    return s->us[(long)(q * (double)(s->n - 1) + 0.5)];
}

static long failures(void) { return bad_status + bad_stream + broken; }

/* ---- connections ------------------------------------------------------------------------ */

static void connect_to_gateway(Conn *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)opt.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) {
        perror("load: connect");
        exit(2);
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    c->busy = 0;
}

static void reconnect(Conn *c) {
    close(c->fd);
    reconnects++;
    connect_to_gateway(c);
}

static void explain(const char *what, const Conn *c) {
    if (failures() < 3) fprintf(stderr, "load: %s: %.300s\n", what, c->head_len ? c->head : "(nothing)");
}

static void fail(Conn *c, const char *what) {
    explain(what, c);
    broken++;
    reconnect(c);
}

static void send_rest(Conn *c) {
    while (c->unsent) {
        ssize_t n = send(c->fd, request + request_len - c->unsent, c->unsent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) {
            fail(c, "cannot send");
            return;
        }
        c->unsent -= (size_t)n;
        if (!c->unsent) return;
    }
    struct epoll_event e = {.events = EPOLLIN | (c->unsent ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void fire(Conn *c, int64_t due_ns) {
    started++;
    c->busy = 1;
    c->state = HEAD;
    c->status = c->closing = c->saw_done = c->content_events = 0;
    c->head_len = c->line_len = c->size_len = 0;
    c->due_ns = due_ns;
    c->first_ns = 0;
    c->unsent = request_len;
    send_rest(c);
}

/* ---- answers ---------------------------------------------------------------------------- */

/* A whole line of the event stream: count it, take the stamp out of it. */
static void on_line(Conn *c, int64_t now) {
    c->line[c->line_len] = 0;
    if (strncmp(c->line, "data:", 5) != 0) return;
    if (strstr(c->line, "[DONE]")) {
        c->saw_done = 1;
        return;
    }
    events_in++;
    for (char *t = c->line; (t = strchr(t, 'T')); t++) {
        if (strspn(t + 1, "0123456789") < 19) continue;
        char digits[20];
        memcpy(digits, t + 1, 19);
        digits[19] = 0;
        c->content_events++;
        sample(&relay, now - atoll(digits));
        return;
    }
}

static void on_body(Conn *c, const char *bytes, size_t n, int64_t now) {
    while (opt.streaming && n) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        size_t room = LINE_MAX_ - c->line_len;
        memcpy(c->line + c->line_len, bytes, part < room ? part : room);
        c->line_len += part < room ? part : room;
        if (!end) return;
        on_line(c, now);
        c->line_len = 0;
        bytes = end + 1;
        n -= part + 1;
    }
}

/* Collect the head. Returns how many of the bytes belonged to it; `state` tells if it is whole. */
static size_t read_head(Conn *c, const char *bytes, size_t n) {
    size_t before = c->head_len, take = n < HEAD_MAX - before ? n : HEAD_MAX - before;
    memcpy(c->head + before, bytes, take);
    c->head_len += take;
    c->head[c->head_len] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return take;
    size_t used = (size_t)(end + 4 - c->head) - before;
    end[2] = 0;
    c->head_len = before + used;
    c->status = atoi(c->head + 9);
    c->closing = strcasestr(c->head, "\r\nconnection: close") != NULL;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (strcasestr(c->head, "\r\ntransfer-encoding: chunked")) {
        c->state = CHUNK_SIZE;
    } else if (length) {
        c->left = strtoul(length + 17, NULL, 10);
        c->state = c->left ? SIZED : FINISHED;
    } else {
        c->state = UNTIL_CLOSE;
    }
    return used;
}

/* Consume bytes up to the end of a line; 1 when the line is whole (without its end). */
static int read_size_line(Conn *c, const char **bytes, size_t *n) {
    while (*n) {
        char b = *(*bytes)++;
        (*n)--;
        if (b == '\n') return 1;
        if (b != '\r' && c->size_len < sizeof c->size_line - 1) c->size_line[c->size_len++] = b;
    }
    return 0;
}

static void on_size_line(Conn *c) {
    c->size_line[c->size_len] = 0;
    size_t length = c->size_len;
    c->size_len = 0;
    if (c->state == CHUNK_END) {
        c->state = CHUNK_SIZE;
    } else if (c->state == TRAILER) {
        if (!length) c->state = FINISHED;
    } else {
        c->left = strtoul(c->size_line, NULL, 16);
        c->state = c->left ? CHUNK_DATA : TRAILER;
    }
}

static void on_bytes(Conn *c, const char *bytes, size_t n, int64_t now) {
    while (n && c->state != FINISHED) {
        if (c->state == HEAD) {
            if (c->head_len == HEAD_MAX) return;
            size_t used = read_head(c, bytes, n);
            bytes += used;
            n -= used;
        } else if (c->state == SIZED || c->state == CHUNK_DATA || c->state == UNTIL_CLOSE) {
            size_t part = c->state == UNTIL_CLOSE || n < c->left ? n : c->left;
            if (!c->first_ns) c->first_ns = now;
            on_body(c, bytes, part, now);
            bytes += part;
            n -= part;
            c->left -= c->state == UNTIL_CLOSE ? 0 : part;
            if (c->state == SIZED && !c->left) c->state = FINISHED;
            if (c->state == CHUNK_DATA && !c->left) c->state = CHUNK_END;
        } else if (read_size_line(c, &bytes, &n)) {
            on_size_line(c);
        }
    }
}

static void on_finished(Conn *c, int64_t now) {
    int whole = !opt.streaming || (c->saw_done && c->content_events == opt.content_events);
    c->busy = 0;
    if (c->status != 200) {
        explain("not a 200", c);
        bad_status++;
    } else if (!whole) {
        explain("stream not whole", c);
        bad_stream++;
    } else {
        good++;
        sample(&latency, now - c->due_ns);
        sample(&first_byte, c->first_ns - c->due_ns);
    }
    if (c->closing) reconnect(c);
}

static void on_readable(Conn *c) {
    static char bytes[262144];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    int64_t now = now_ns();
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        if (!c->busy) {
            reconnect(c); /* an idle connection may be closed at any time */
        } else if (n == 0 && c->state == UNTIL_CLOSE) {
            c->closing = 1;
            on_finished(c, now);
        } else {
            fail(c, "closed early");
        }
        return;
    }
    if (!c->busy) {
        fail(c, "bytes nobody asked for");
        return;
    }
    bytes_in += n;
    on_bytes(c, bytes, (size_t)n, now);
    if (c->state == FINISHED) on_finished(c, now);
}

/* ---- the loop --------------------------------------------------------------------------- */

static Conn *idle_conn(void) {
    static int next;
    for (int k = 0; k < opt.connections; k++) {
        Conn *c = &conns[(next + k) % opt.connections];
        if (c->busy) continue;
        next = (next + k + 1) % opt.connections;
        return c;
    }
    return NULL;
}

/* Start what is due. Returns the nanoseconds until something else is. */
static int64_t start_due(int64_t began, int64_t until) {
    for (;;) {
        int64_t now = now_ns(), due = now;
        if ((opt.total >= 0 && started >= opt.total) || now >= until) return SECOND;
        if (opt.rate > 0) due = began + (int64_t)((double)started * 1e9 / opt.rate);
        if (due > now) return due - now;
        Conn *c = idle_conn();
        if (!c) return SECOND;
        fire(c, due);
    }
}

static int busy_conns(void) {
    int n = 0;
    for (int i = 0; i < opt.connections; i++) n += conns[i].busy;
    return n;
}

static void run(void) {
    struct epoll_event ready[512];
    int64_t began = now_ns(), last_ns = began;
    int64_t until = opt.seconds > 0 ? began + (int64_t)(opt.seconds * 1e9) : INT64_MAX;
    for (;;) {
        int64_t wait_ns = start_due(began, until);
        struct timespec wait = {.tv_sec = wait_ns / SECOND, .tv_nsec = wait_ns % SECOND};
        int over = (opt.total >= 0 && started >= opt.total) || now_ns() >= until;
        if ((over && !busy_conns()) || failures() > MAX_FAILURES) return;
        int n = epoll_pwait2(ep, ready, 512, &wait, NULL);
        if (n > 0) last_ns = now_ns();
        if (busy_conns() && now_ns() - last_ns > STALL_S * SECOND) {
            fprintf(stderr, "load: nothing arrived for %d s\n", STALL_S);
            broken++;
            return;
        }
        for (int i = 0; i < n; i++) {
            Conn *c = ready[i].data.ptr;
            if ((ready[i].events & EPOLLOUT) && c->unsent) send_rest(c);
            if (ready[i].events & ~(uint32_t)EPOLLOUT) on_readable(c);
        }
    }
}

static void report(double seconds) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                   (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    Samples *all[] = {&latency, &first_byte, &relay};
    for (int i = 0; i < 3; i++) qsort(all[i]->us, (size_t)all[i]->n, sizeof(float), ascending);
    printf("{\"good\":%ld,\"bad_status\":%ld,\"bad_stream\":%ld,\"broken\":%ld,\"reconnects\":%ld,"
           "\"seconds\":%.4f,\"events\":%ld,\"bytes\":%ld,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"first_byte_p50_us\":%.1f,\"relay_p50_us\":%.1f,\"relay_p99_us\":%.1f,"
           "\"load_cpu_s\":%.3f}\n",
           good, bad_status, bad_stream, broken, reconnects, seconds, events_in, bytes_in,
           percentile(&latency, 0.5), percentile(&latency, 0.99), percentile(&first_byte, 0.5),
           percentile(&relay, 0.5), percentile(&relay, 0.99), cpu_s);
}

/* ---- start ------------------------------------------------------------------------------ */

static void build_request(const char *body_file) {
    FILE *f = fopen(body_file, "rb");
    if (!f) {
        perror(body_file);
        exit(2);
    }
    char *body = malloc(1 << 20);
    size_t n = fread(body, 1, 1 << 20, f);
    fclose(f);
    request = malloc(n + sizeof opt.headers + 1024);
    int head = sprintf(request,
                       "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                       "Accept: */*\r\nUser-Agent: bench\r\n%sContent-Length: %zu\r\n\r\n",
                       opt.path, opt.port, opt.headers, n);
    memcpy(request + head, body, n);
    request_len = (size_t)head + n;
    free(body);
}

static void add_header(const char *header) {
    size_t used = strlen(opt.headers);
    snprintf(opt.headers + used, sizeof opt.headers - used, "%s\r\n", header);
}

static const char *parse_options(int argc, char **argv) {
    const char *body_file = NULL;
    int o;
    while ((o = getopt(argc, argv, "p:u:b:H:c:n:d:r:s:")) != -1) {
        if (o == 'p') opt.port = atoi(optarg);
        if (o == 'u') opt.path = optarg;
        if (o == 'b') body_file = optarg;
        if (o == 'H') add_header(optarg);
        if (o == 'c') opt.connections = atoi(optarg);
        if (o == 'n') opt.total = atol(optarg);
        if (o == 'd') opt.seconds = atof(optarg);
        if (o == 'r') opt.rate = atof(optarg);
        if (o == 's') opt.content_events = atoi(optarg), opt.streaming = 1;
        if (o == '?') exit(2);
    }
    int bounded = opt.total >= 0 || opt.seconds > 0;
    if (!opt.port || !body_file || opt.connections < 1 || !bounded) {
        fprintf(stderr, "load: -p, -b and one of -n and -d are needed\n");
        exit(2);
    }
    return body_file;
}

int main(int argc, char **argv) {
    build_request(parse_options(argc, argv));
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlive the benchmark */
    prctl(PR_SET_TIMERSLACK, 1UL);    /* start requests when they are due, not 50 us later */
    ep = epoll_create1(EPOLL_CLOEXEC);
    conns = calloc((size_t)opt.connections, sizeof *conns);
    for (int i = 0; i < opt.connections; i++) connect_to_gateway(&conns[i]);
    int64_t began = now_ns();
    run();
    report((double)(now_ns() - began) / 1e9);
    return failures() ? 1 : 0;
}
