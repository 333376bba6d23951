/* A mock upstream that speaks the OpenAI chat dialect and costs far less than any gateway.
 *
 *     gcc -O2 -o mock mock.c && ./mock PORT
 *
 * One thread, one epoll, prepared answers. What a POST gets is decided by its body, so that it
 * survives whatever a gateway does to paths and headers:
 *
 *   "stream": true absent     a chat.completion of about 1 KB
 *   "model": "...-burst"      64 server-sent events in one write
 *   "model": "...-each"       64 events, one write each, as fast as possible
 *   "model": "...-paced"      one event every 5 ms
 *   "model": "...-slow"       one event every 150 ms
 *
 * The 64 events are: role, 61 of content, finish reason, usage; then [DONE]. Content carries
 * "T" and the monotonic clock in 19 digits of nanoseconds, so that a client on the same machine
 * can tell how long the event was under way. GET answers with counters as JSON.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64, MAX_FD = 16384, READ_ROOM = 65536, PACED_MS = 5, SLOW_MS = 150 };
enum { LISTENER = -1, TIMER = -2 };

typedef struct {
    int fd;
    char *in; /* request bytes not yet answered */
    size_t in_len, in_cap;
    char *out; /* answer bytes the socket did not take */
    size_t out_len, out_off, out_cap;
    int slot; /* place among the paced streams, -1 if none */
    int next_event;
    int64_t pace_ns, due_ns;
} Conn;

typedef struct {
    char bytes[1024]; /* framed as one HTTP chunk */
    size_t len;
    size_t stamp; /* offset of the 19 digits, 0 if none */
} Event;

static Conn *conns[MAX_FD], *paced[MAX_FD];
static int n_paced, ep, timer_fd, stream_began;
static long requests, open_conns;
static char json_answer[4096];
static size_t json_len;
static Event events[EVENTS + 1]; /* the last one is [DONE] and the final chunk */

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "x-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- prepared answers ------------------------------------------------------------------- */

#define USAGE                                                                                   \
    "{\"prompt_tokens\":312,\"completion_tokens\":61,\"total_tokens\":373,"                      \
    "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"                        \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"                  \
    "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"

static void build_json(void) {
    static const char body[] =
        "{\"id\":\"chatcmpl-bench000000000000000000000001\",\"object\":\"chat.completion\","
        "\"created\":1751500000,\"model\":\"bench-model-2025-07-01\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"A gateway stands between many callers "
        "and many called. It checks who asks, picks who answers, counts what was said and keeps "
        "the bill.\\nWhat it must not do is make anybody wait: the words pass through as they "
        "come, \\u201cquoted\\u201d, accented (caf\\u00e9) or not, in the order they were spoken, "
        "and the last one is followed by a reckoning that adds up.\",\"refusal\":null,"
        "\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":" USAGE
        ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench00001\"}";
    json_len = (size_t)sprintf(json_answer,
                               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "x-request-id: req_bench\r\nContent-Length: %zu\r\n\r\n%s",
                               sizeof body - 1, body);
}

static void build_event(int i) {
    static const char head[] =
        "data: {\"id\":\"chatcmpl-bench000000000000000000000002\","
        "\"object\":\"chat.completion.chunk\",\"created\":1751500000,"
        "\"model\":\"bench-model-2025-07-01\",\"service_tier\":\"default\","
        "\"system_fingerprint\":\"fp_bench00001\",";
    const char *choices = "\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                          "\" T0000000000000000000\"},\"logprobs\":null,\"finish_reason\":null}]";
    if (i == 0)
        choices = "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
                  "\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]";
    else if (i == EVENTS - 2)
        choices = "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,"
                  "\"finish_reason\":\"stop\"}]";
    else if (i == EVENTS - 1)
        choices = "\"choices\":[],\"usage\":" USAGE;
    char text[900];
    size_t n = i == EVENTS ? (size_t)sprintf(text, "data: [DONE]\n\n")
                           : (size_t)sprintf(text, "%s%s}\n\n", head, choices);
    Event *e = &events[i];
    e->len = (size_t)sprintf(e->bytes, "%zx\r\n%s\r\n%s", n, text, i == EVENTS ? "0\r\n\r\n" : "");
    char *mark = strstr(e->bytes, " T0000");
    e->stamp = mark ? (size_t)(mark + 2 - e->bytes) : 0;
}

/* ---- connections ------------------------------------------------------------------------ */

static void leave_paced(Conn *c) {
    if (c->slot < 0) return;
    Conn *last = paced[--n_paced];
    paced[c->slot] = last;
    last->slot = c->slot;
    c->slot = -1;
}

static void drop(Conn *c) {
    leave_paced(c);
    conns[c->fd] = NULL;
    close(c->fd);
    free(c->in);
    free(c->out);
    free(c);
    open_conns--;
}

static void watch(Conn *c, uint32_t interest) {
    struct epoll_event e = {.events = interest, .data.fd = c->fd};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

/* Send now what the socket takes and keep the rest. 0, or -1 if the connection is dead. */
static int put(Conn *c, const char *bytes, size_t n) {
    if (c->out_off == c->out_len) {
        c->out_off = c->out_len = 0;
        ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return -1;
        if (sent < 0) sent = 0;
        bytes += sent;
        n -= (size_t)sent;
        if (n == 0) return 0;
        watch(c, EPOLLIN | EPOLLOUT);
    }
    if (c->out_len + n > c->out_cap) c->out = realloc(c->out, c->out_cap = c->out_len + n + 16384);
    memcpy(c->out + c->out_len, bytes, n);
    c->out_len += n;
    return 0;
}

static int flush(Conn *c) {
    ssize_t sent = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return -1;
    if (sent > 0) c->out_off += (size_t)sent;
    if (c->out_off == c->out_len) watch(c, EPOLLIN);
    return 0;
}

/* Copy event `i` with the time written into its content; returns its length. */
static size_t stamped(int i, char *to) {
    const Event *e = &events[i];
    memcpy(to, e->bytes, e->len);
    if (e->stamp) {
        char digits[24];
        snprintf(digits, sizeof digits, "%019lld", (long long)now_ns());
        memcpy(to + e->stamp, digits, 19);
    }
    return e->len;
}

static int put_event(Conn *c, int i) {
    char bytes[1024];
    return put(c, bytes, stamped(i, bytes));
}

static int put_burst(Conn *c) {
    static char all[EVENTS * 1024];
    size_t n = sizeof STREAM_HEAD - 1;
    memcpy(all, STREAM_HEAD, n);
    for (int i = 0; i <= EVENTS; i++) n += stamped(i, all + n);
    return put(c, all, n);
}

/* ---- requests --------------------------------------------------------------------------- */

static const char *value_of(const char *body, size_t n, const char *quoted_key) {
    size_t k = strlen(quoted_key);
    const char *p = memmem(body, n, quoted_key, k), *end = body + n;
    if (!p) return NULL;
    for (p += k; p < end && (*p == ' ' || *p == ':'); p++) {}
    return p < end ? p : NULL;
}

static int model_ends_with(const char *body, size_t n, const char *suffix) {
    const char *value = value_of(body, n, "\"model\"");
    if (!value) return 0;
    const char *quote = memchr(value + 1, '"', n - (size_t)(value + 1 - body));
    size_t k = strlen(suffix);
    return quote && (size_t)(quote - value) > k && memcmp(quote - k, suffix, k) == 0;
}

static int answer_stats(Conn *c) {
    char body[128], answer[256];
    int n = sprintf(body, "{\"requests\":%ld,\"connections\":%ld,\"paced_streams\":%d}", requests,
                    open_conns, n_paced);
    n = sprintf(answer,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                n, body);
    return put(c, answer, (size_t)n);
}

static int start_paced(Conn *c, int pace_ms) {
    /* Streams that begin together must not tick together: that would let a gateway handle many
     * of them in one wake-up. */
    static uint32_t seed = 12345;
    seed = seed * 1664525u + 1013904223u;
    c->pace_ns = pace_ms * 1000000LL;
    c->due_ns = now_ns() + (int64_t)((double)(seed >> 8) / (1 << 24) * (double)c->pace_ns);
    c->next_event = 0;
    c->slot = n_paced;
    paced[n_paced++] = c;
    stream_began = 1;
    return put(c, STREAM_HEAD, sizeof STREAM_HEAD - 1);
}

static int answer(Conn *c, const char *body, size_t n) {
    requests++;
    const char *stream = value_of(body, n, "\"stream\"");
    if (!stream || *stream != 't') return put(c, json_answer, json_len);
    if (model_ends_with(body, n, "-burst")) return put_burst(c);
    if (model_ends_with(body, n, "-paced")) return start_paced(c, PACED_MS);
    if (model_ends_with(body, n, "-slow")) return start_paced(c, SLOW_MS);
    if (put(c, STREAM_HEAD, sizeof STREAM_HEAD - 1)) return -1;
    for (int i = 0; i <= EVENTS; i++)
        if (put_event(c, i)) return -1;
    return 0;
}

/* Length of a complete chunked body (its frames included), 0 if more is needed. The data is
 * moved together at the start of `p`, but only once all of it is there. */
static size_t unchunk(char *p, size_t n, size_t *body_len) {
    if (n < 5 || memcmp(p + n - 5, "0\r\n\r\n", 5) != 0) return 0;
    char *write = p, *read = p;
    for (;;) {
        size_t size = strtoul(read, NULL, 16);
        char *line_end = memmem(read, n - (size_t)(read - p), "\r\n", 2);
        if (!line_end || (size_t)(line_end + 4 - p) + size > n) return 0;
        if (size == 0) break;
        memmove(write, line_end + 2, size);
        write += size;
        read = line_end + 2 + size + 2;
    }
    *body_len = (size_t)(write - p);
    return n;
}

/* Answer the requests that are complete. 0, or -1 if the connection is dead. */
static int process(Conn *c) {
    while (c->slot < 0 && c->in_len) {
        char *head_end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
        if (!head_end) return 0;
        size_t head = (size_t)(head_end + 4 - c->in), rest = c->in_len - head, body = 0, used;
        *head_end = 0;
        const char *length = strcasestr(c->in, "\r\ncontent-length:");
        int chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked") != NULL;
        int get = strncmp(c->in, "GET ", 4) == 0;
        *head_end = '\r';
        if (chunked) {
            used = unchunk(c->in + head, rest, &body);
            if (!used) return 0;
        } else {
            used = body = length ? strtoul(length + 17, NULL, 10) : 0;
            if (rest < body) return 0;
        }
        if (get ? answer_stats(c) : answer(c, c->in + head, body)) return -1;
        memmove(c->in, c->in + head + used, rest - used);
        c->in_len = rest - used;
    }
    return 0;
}

static int readable(Conn *c) {
    if (c->in_len + READ_ROOM > c->in_cap) {
        c->in_cap = c->in_len + 2 * READ_ROOM;
        c->in = realloc(c->in, c->in_cap + 1);
    }
    ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return -1;
    if (n < 0) return 0;
    c->in_len += (size_t)n;
    c->in[c->in_len] = 0;
    return process(c);
}

/* ---- the loop --------------------------------------------------------------------------- */

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        Conn *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->slot = -1;
        conns[fd] = c;
        open_conns++;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
}

/* Send every event that is due and set the timer for the next one. */
static void tick(void) {
    int64_t now = now_ns(), soonest = INT64_MAX;
    for (int i = n_paced - 1; i >= 0; i--) {
        Conn *c = paced[i];
        int dead = 0;
        while (!dead && c->slot >= 0 && c->due_ns <= now) {
            c->due_ns += c->pace_ns;
            dead = put_event(c, c->next_event);
            if (++c->next_event == EVENTS && !dead) {
                dead = put_event(c, EVENTS);
                leave_paced(c);
                if (!dead) dead = process(c);
            }
        }
        if (dead)
            drop(c);
        else if (c->slot >= 0 && c->due_ns < soonest)
            soonest = c->due_ns;
    }
    struct itimerspec at = {0};
    if (soonest != INT64_MAX) {
        at.it_value.tv_sec = soonest / 1000000000LL;
        at.it_value.tv_nsec = soonest % 1000000000LL;
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static int listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) {
        perror("mock: listen");
        exit(1);
    }
    return fd;
}

static void add(int fd, int mark) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = mark};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: mock PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlive the benchmark */
    build_json();
    for (int i = 0; i <= EVENTS; i++) build_event(i);
    ep = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listen_on(atoi(argv[1]));
    add(listener, LISTENER);
    add(timer_fd, TIMER);
    struct epoll_event ready[512];
    for (;;) {
        int n = epoll_wait(ep, ready, 512, -1), timer_rang = 0;
        stream_began = 0;
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == LISTENER) {
                accept_all(listener);
            } else if (fd == TIMER) {
                uint64_t rings;
                timer_rang = read(timer_fd, &rings, sizeof rings) > 0;
            } else if (conns[fd]) {
                int dead = (ready[i].events & EPOLLOUT) ? flush(conns[fd]) : 0;
                if (!dead && (ready[i].events & ~(uint32_t)EPOLLOUT)) dead = readable(conns[fd]);
                if (dead) drop(conns[fd]);
            }
        }
        if (timer_rang || stream_began) tick();
    }
}
