#include "hello.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stddef.h>
#include <string.h>

#include "raftmetrics/base/error.h"

static const char magic[6] = {'R', 'M', 'P', 'E', 'E', 'R'};

enum { LABEL_BYTES_MAX = sizeof "listener" };

/* Where the fields stand. */
enum {
    AT_VERSION = 6,
    AT_ZERO = 7,
    AT_CLUSTER = 8,
    AT_SHARD = 16,
    AT_SENDER = 20,
    AT_RECEIVER = 28,
    AT_NONCE = 36,
};

_Static_assert(AT_NONCE + RM__NONCE_BYTES == RM__HELLO_BYTES, "the nonce ends a HELLO");

static void put_u32(uint8_t *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static void put_id(uint8_t *at, struct rm_replica_id id)
{
    put_u32(at, id.worker);
    put_u32(at + sizeof id.worker, id.incarnation);
}

static struct rm_replica_id get_id(const uint8_t *at)
{
    return (struct rm_replica_id){get_u32(at), get_u32(at + sizeof(uint32_t))};
}

void rm__hello_encode(const struct rm__hello *hello, uint8_t ret_bytes[RM__HELLO_BYTES])
{
    uint64_t cluster = htole64(hello->cluster);

    memcpy(ret_bytes, magic, sizeof magic);
    ret_bytes[AT_VERSION] = RM__HELLO_VERSION;
    ret_bytes[AT_ZERO] = 0;
    memcpy(ret_bytes + AT_CLUSTER, &cluster, sizeof cluster);
    put_u32(ret_bytes + AT_SHARD, hello->shard);
    put_id(ret_bytes + AT_SENDER, hello->sender);
    put_id(ret_bytes + AT_RECEIVER, hello->receiver);
    memcpy(ret_bytes + AT_NONCE, hello->nonce, sizeof hello->nonce);
}

int rm__hello_check_preamble(const uint8_t bytes[RM__HELLO_PREAMBLE_BYTES])
{
    if (memcmp(bytes, magic, sizeof magic) != 0) {
        return RM_ESYNTAX;
    }
    return bytes[AT_VERSION] == RM__HELLO_VERSION && bytes[AT_ZERO] == 0 ? 0 : RM_EPROTO;
}

int rm__hello_decode(const uint8_t bytes[RM__HELLO_BYTES], struct rm__hello *ret_hello)
{
    uint64_t cluster;
    int rv = rm__hello_check_preamble(bytes);

    if (rv != 0) {
        return rv;
    }
    memcpy(&cluster, bytes + AT_CLUSTER, sizeof cluster);
    *ret_hello = (struct rm__hello){.cluster = le64toh(cluster),
                                    .shard = get_u32(bytes + AT_SHARD),
                                    .sender = get_id(bytes + AT_SENDER),
                                    .receiver = get_id(bytes + AT_RECEIVER)};
    memcpy(ret_hello->nonce, bytes + AT_NONCE, sizeof ret_hello->nonce);
    return 0;
}

int rm__hello_prove(const char *secret, enum rm__hello_side side,
                    const uint8_t hello[RM__HELLO_BYTES], const uint8_t nonce_b[RM__NONCE_BYTES],
                    uint8_t ret_proof[RM__PROOF_BYTES])
{
    const char *label = side == RM__SIDE_LISTENER ? "listener" : "dialler";
    size_t label_len = strlen(label);
    uint8_t text[LABEL_BYTES_MAX + RM__HELLO_BYTES + RM__NONCE_BYTES];
    unsigned len = RM__PROOF_BYTES;

    memcpy(text, label, label_len);
    memcpy(text + label_len, hello, RM__HELLO_BYTES);
    memcpy(text + label_len + RM__HELLO_BYTES, nonce_b, RM__NONCE_BYTES);
    /* The digest is there and the key may have any length: what is left is memory. */
    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), text,
             label_len + RM__HELLO_BYTES + RM__NONCE_BYTES, ret_proof, &len) == NULL) {
        return RM_ENOMEM;
    }
    return 0;
}

bool rm__proof_is_equal(const uint8_t a[RM__PROOF_BYTES], const uint8_t b[RM__PROOF_BYTES])
{
    return CRYPTO_memcmp(a, b, RM__PROOF_BYTES) == 0;
}
