/* A stranger's bytes: HELLO out of them is written again as the same, and a peer port on 127.0.0.1
 * that they are sent to hands nothing to Raft and lets go of the connection. The port's cluster,
 * shard and replicas are those of the corpus, so that the bytes get as far as the proof. */
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/raft/peer_port_internal.h"
#include "raftmetrics/base/error.h"

enum { LOOKS = 4 };

static const struct rm_peer_address peers[] = {{1, "127.0.0.1", 1}, {2, "127.0.0.1", 1}};
static struct rm_peer_port *port;
static struct raft_uv_transport transport;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_codec(const uint8_t *data, size_t size)
{
    struct rm__hello hello;
    uint8_t bytes[RM__HELLO_BYTES] = {0};
    uint8_t again[RM__HELLO_BYTES];
    int rv;

    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    rv = rm__hello_check_preamble(bytes);
    assert(rm__hello_decode(bytes, &hello) == rv);
    if (rv != 0) {
        assert(rv == RM_ESYNTAX || rv == RM_EPROTO);
        return;
    }
    rm__hello_encode(&hello, again);
    assert(memcmp(bytes, again, sizeof bytes) == 0);
}

static int on_met(void *data, uint32_t worker)
{
    (void)data;
    (void)worker;
    abort(); /* nobody here knows the secret */
}

static void on_refused(void *data, const char *address, const char *reason)
{
    (void)data;
    assert(strcmp(address, "127.0.0.1") == 0 && reason[0] != '\0');
}

static void on_accepted(struct raft_uv_transport *uv, raft_id id, const char *address,
                        uv_stream_t *stream)
{
    (void)uv;
    (void)id;
    (void)address;
    (void)stream;
    abort(); /* nobody here knows the secret */
}

static void open_port(void)
{
    const struct rm_peer_port_options options = {.listen = "127.0.0.1",
                                                 .cluster = 0x11,
                                                 .secret = "a secret",
                                                 .peers = peers,
                                                 .n_peers = 2,
                                                 .met = on_met,
                                                 .refused = on_refused};
    int rv = rm_peer_port_new(uv_default_loop(), &options, &port);

    assert(rv == 0);
    rv = rm__peer_transport_init(port, 0, (struct rm_replica_id){1, 1}, &transport);
    assert(rv == 0);
    transport.listen(&transport, on_accepted);
}

/* Says all it has to say, and leaves with a reset: a port number in TIME_WAIT for each input would
 * soon leave none. */
static void knock(const uint8_t *data, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(rm_peer_port_number(port)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int rv = connect(fd, (struct sockaddr *)&address, sizeof address);

    assert(rv == 0);
    (void)!send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    for (int i = 0; i < LOOKS; i++) {
        uv_run(uv_default_loop(), UV_RUN_NOWAIT);
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    while (port->incoming.n_handles > 1) {
        uv_run(uv_default_loop(), UV_RUN_ONCE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (port == NULL) {
        open_port();
    }
    check_codec(data, size);
    knock(data, size);
    return 0;
}
