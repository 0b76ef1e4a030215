/* A load generator: one thread, epoll, keep-alive, TLS with a client certificate, every latency kept.
 *
 *   load [--connections N] [--seconds S] [--warm-up S] [--path P] [--body FILE] [--header 'K: V']...
 *        [--ca PEM [--cert PEM --key PEM]] [--name SNI] [--fresh] PORT
 *
 * Speaks HTTP/1.1 to 127.0.0.1 only. Each connection has one request under way, and sends the next when the answer is whole.
 * With --fresh each request has a connection and a full handshake of its own. Prints one JSON object. Microseconds throughout.
 * Build: cc -O2 -o load load.c -lssl -lcrypto
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MOST_ERRORS 100
#define STUCK_US 30000000
#define LEAST_ANSWERS 5

enum phase { CONNECTING, HANDSHAKE, WRITING, READING };

struct connection {
    int fd;
    SSL *ssl;
    enum phase phase;
    uint32_t watched;
    uint64_t begun_at;
    size_t written;
    char *answer;
    size_t held, room, head, length;
    int chunked, closes, status;
};

static struct {
    int connections, port, fresh;
    double seconds, warm_up;
    const char *path, *body, *ca, *cert, *key, *name;
    char headers[16384];
} want = {.connections = 1, .seconds = 2, .warm_up = 0.5, .path = "/", .name = "localhost"};

static char *request;
static size_t request_size;
static SSL_CTX *tls;
static int poller;
static uint32_t *latencies;
static size_t counted, latency_room, total;
static uint64_t errors, refused, received, measure_from, measure_to;
static int first_refusal;
static char last_error[128];

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void watch(struct connection *c, uint32_t events) {
    if (c->watched == events) return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
    c->watched = events;
}

static void open_connection(struct connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(want.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->watched = 0;
    c->begun_at = now();
    c->phase = CONNECTING;
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    watch(c, EPOLLOUT);
}

static void close_connection(struct connection *c) {
    if (c->ssl) {
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    struct linger at_once = {.l_onoff = 1}; /* no TIME_WAIT: thousands of connections a second would use up the ports */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(c->fd);
    c->held = c->head = 0;
}

static void fail(struct connection *c, const char *why) {
    snprintf(last_error, sizeof last_error, "%s (%s)", why, strerror(errno));
    ERR_clear_error();
    if (++errors >= MOST_ERRORS) {
        fprintf(stderr, "load: %d connections failed, the last one: %s\n", MOST_ERRORS, last_error);
        exit(1);
    }
    close_connection(c);
    open_connection(c);
}

static void record(uint64_t begun_at) {
    uint64_t at = now();
    total++;
    if (at < measure_from) return;
    if (counted == latency_room && !(latencies = realloc(latencies, (latency_room = latency_room * 2 + 65536) * sizeof *latencies)))
        die("realloc");
    latencies[counted++] = (uint32_t)(at - begun_at);
}

/* What TLS waits for; 0 when the connection has failed. */
static uint32_t awaited(struct connection *c, int result) {
    switch (SSL_get_error(c->ssl, result)) {
        case SSL_ERROR_WANT_READ: return EPOLLIN;
        case SSL_ERROR_WANT_WRITE: return EPOLLOUT;
        default: return 0;
    }
}

static void parse_head(struct connection *c) {
    char *end = memmem(c->answer, c->held, "\r\n\r\n", 4);
    if (!end) return;
    c->head = end - c->answer + 4;
    c->length = c->chunked = c->closes = 0;
    *end = 0;
    c->status = c->held > 12 ? atoi(c->answer + 9) : 0;
    for (char *line = strstr(c->answer, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (!strncasecmp(line + 2, "content-length:", 15)) c->length = strtoull(line + 17, NULL, 10);
        if (!strncasecmp(line + 2, "transfer-encoding: chunked", 26)) c->chunked = 1;
        if (!strncasecmp(line + 2, "connection: close", 17)) c->closes = 1;
    }
    *end = '\r';
}

static int is_whole(struct connection *c) {
    if (!c->head) parse_head(c);
    if (!c->head) return 0;
    if (c->chunked) return c->held >= c->head + 5 && !memcmp(c->answer + c->held - 5, "0\r\n\r\n", 5);
    return c->held >= c->head + c->length;
}

static void send_request(struct connection *c);

static void finish(struct connection *c) {
    record(c->begun_at);
    received += c->held;
    if (c->status != 200 && !refused++) first_refusal = c->status;
    if (want.fresh || c->closes) {
        close_connection(c);
        open_connection(c);
        return;
    }
    c->held = c->head = 0;
    c->begun_at = now();
    c->written = 0;
    c->phase = WRITING;
    send_request(c);
}

static void read_answer(struct connection *c) {
    for (;;) {
        if (c->room - c->held < 16384 && !(c->answer = realloc(c->answer, c->room = c->room * 2 + 65536))) die("realloc");
        size_t room = c->room - c->held - 1;
        ssize_t got = c->ssl ? SSL_read(c->ssl, c->answer + c->held, (int)room) : read(c->fd, c->answer + c->held, room);
        if (got > 0) {
            c->held += got;
            if (is_whole(c)) {
                finish(c);
                return;
            }
            continue;
        }
        uint32_t events = c->ssl ? awaited(c, (int)got) : got < 0 && errno == EAGAIN ? EPOLLIN : 0;
        if (!events) fail(c, "closed before the answer was whole");
        else watch(c, events);
        return;
    }
}

static void send_request(struct connection *c) {
    while (c->written < request_size) {
        size_t left = request_size - c->written;
        ssize_t sent = c->ssl ? SSL_write(c->ssl, request + c->written, (int)left) : write(c->fd, request + c->written, left);
        if (sent <= 0) {
            uint32_t events = c->ssl ? awaited(c, (int)sent) : sent < 0 && errno == EAGAIN ? EPOLLOUT : 0;
            if (!events) fail(c, "closed while the request was sent");
            else watch(c, events);
            return;
        }
        c->written += sent;
    }
    c->phase = READING;
    watch(c, EPOLLIN);
}

static void shake_hands(struct connection *c) {
    int result = SSL_connect(c->ssl);
    if (result != 1) {
        uint32_t events = awaited(c, result);
        if (!events) fail(c, "handshake failed");
        else watch(c, events);
        return;
    }
    if (!want.fresh) c->begun_at = now();
    c->written = 0;
    c->phase = WRITING;
    send_request(c);
}

static void connected(struct connection *c) {
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem) {
        errno = problem;
        fail(c, "not connected");
        return;
    }
    if (!tls) {
        c->written = 0;
        c->phase = WRITING;
        send_request(c);
        return;
    }
    if (!(c->ssl = SSL_new(tls)) || !SSL_set_fd(c->ssl, c->fd)) die("SSL_new");
    SSL_set_tlsext_host_name(c->ssl, want.name);
    SSL_set1_host(c->ssl, want.name);
    c->phase = HANDSHAKE;
    shake_hands(c);
}

static void go_on(struct connection *c) {
    switch (c->phase) {
        case CONNECTING: connected(c); break;
        case HANDSHAKE: shake_hands(c); break;
        case WRITING: send_request(c); break;
        case READING: read_answer(c); break;
    }
}

static void prepare_tls(void) {
    if (!want.ca) return;
    if (!(tls = SSL_CTX_new(TLS_client_method())) || !SSL_CTX_load_verify_locations(tls, want.ca, NULL)) die("authorities");
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (want.cert && (SSL_CTX_use_certificate_chain_file(tls, want.cert) != 1 ||
                      SSL_CTX_use_PrivateKey_file(tls, want.key, SSL_FILETYPE_PEM) != 1))
        die("certificate");
}

static void prepare_request(void) {
    char *body = NULL;
    long size = 0;
    if (want.body) {
        FILE *file = fopen(want.body, "rb");
        if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) die(want.body);
        body = malloc(size + 1);
        if (!body || fread(body, 1, size, file) != (size_t)size) die(want.body);
        fclose(file);
    }
    char head[20000];
    int length = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: %ld\r\n%s\r\n",
                          body ? "POST" : "GET", want.path, want.name, want.port, size, want.headers);
    if (!(request = malloc(length + size))) die("malloc");
    memcpy(request, head, length);
    memcpy(request + length, body ? body : "", size);
    request_size = length + size;
    free(body);
}

static void read_arguments(int count, char **words) {
    for (int i = 1; i < count; i++) {
        char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        if (!strcmp(word, "--fresh")) { want.fresh = 1; continue; }
        if (strncmp(word, "--", 2)) { want.port = atoi(word); continue; }
        if (!value) { fprintf(stderr, "load: %s needs a value\n", word); exit(2); }
        i++;
        if (!strcmp(word, "--connections")) want.connections = atoi(value);
        else if (!strcmp(word, "--seconds")) want.seconds = atof(value);
        else if (!strcmp(word, "--warm-up")) want.warm_up = atof(value);
        else if (!strcmp(word, "--path")) want.path = value;
        else if (!strcmp(word, "--body")) want.body = value;
        else if (!strcmp(word, "--ca")) want.ca = value;
        else if (!strcmp(word, "--cert")) want.cert = value;
        else if (!strcmp(word, "--key")) want.key = value;
        else if (!strcmp(word, "--name")) want.name = value;
        else if (!strcmp(word, "--header")) {
            size_t at = strlen(want.headers);
            snprintf(want.headers + at, sizeof want.headers - at, "%s\r\n", value);
        } else { fprintf(stderr, "load: %s is not known\n", word); exit(2); }
    }
    if (!want.port || want.connections < 1) { fprintf(stderr, "load: a port and at least one connection\n"); exit(2); }
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t percentile(double share) {
    return counted ? latencies[(size_t)(share * (counted - 1))] : 0;
}

static double cpu_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int count, char **words) {
    read_arguments(count, words);
    signal(SIGPIPE, SIG_IGN);
    prepare_tls();
    prepare_request();
    if ((poller = epoll_create1(0)) < 0) die("epoll_create1");
    struct connection *all = calloc(want.connections, sizeof *all);
    if (!all) die("calloc");
    for (int i = 0; i < want.connections; i++) open_connection(&all[i]);
    measure_from = now() + (uint64_t)(want.warm_up * 1e6);
    measure_to = measure_from + (uint64_t)(want.seconds * 1e6);
    double cpu_before = -1;
    struct epoll_event events[256];
    uint64_t at;
    /* A very slow server is given longer, for a few answers at least. */
    while ((at = now()) < measure_to || (counted < LEAST_ANSWERS && at < measure_to + STUCK_US)) {
        if (cpu_before < 0 && at >= measure_from) cpu_before = cpu_seconds();
        int ready = epoll_wait(poller, events, 256, 50);
        for (int i = 0; i < ready; i++) go_on(events[i].data.ptr);
        for (int i = 0; i < want.connections; i++)
            if (ready == 0 && at > all[i].begun_at + STUCK_US) fail(&all[i], "no answer for 30 seconds");
    }
    double seconds = (at - measure_from) / 1e6, cpu = cpu_seconds() - (cpu_before < 0 ? 0 : cpu_before);
    qsort(latencies, counted, sizeof *latencies, ascending);
    printf("{\"requests\": %zu, \"total\": %zu, \"seconds\": %.3f, \"rate\": %.1f, \"p50\": %u, \"p90\": %u, \"p99\": %u, \"max\": %u, \"errors\": %lu, "
           "\"refused\": %lu, \"first_refusal\": %d, \"received\": %lu, \"cpu\": %.3f, \"last_error\": \"%s\"}\n",
           counted, total, seconds, counted / seconds, percentile(0.5), percentile(0.9), percentile(0.99), percentile(1),
           errors, refused, first_refusal, received, cpu / seconds, last_error);
    return 0;
}
