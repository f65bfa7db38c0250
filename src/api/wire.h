/* The words that the nodes of a cluster say to each other over HTTP. */
#ifndef RAFTMETRICS_SRC_API_WIRE_H
#define RAFTMETRICS_SRC_API_WIRE_H

#include "raftmetrics/base/slice.h"
#include "raftmetrics/raft/session.h"

#define RM__WIRE_PREFIX "/internal"
#define RM__WIRE_CLUSTER_PATH RM__WIRE_PREFIX "/cluster"
#define RM__WIRE_APPEND_PATH RM__WIRE_PREFIX "/append"
#define RM__WIRE_SESSION_PATH RM__WIRE_PREFIX "/session"
#define RM__WIRE_ADMIT_PATH RM__WIRE_PREFIX "/admit"
#define RM__WIRE_LEAD_PATH RM__WIRE_PREFIX "/lead"
#define RM__WIRE_HASHES_PATH RM__WIRE_PREFIX "/hashes"
#define RM__WIRE_MEMBERS_PATH RM__WIRE_PREFIX "/members"
#define RM__WIRE_EXPOSITION_PATH RM__WIRE_PREFIX "/exposition"
#define RM__WIRE_STATUS_PATH RM__WIRE_PREFIX "/status"

/* The field with the fingerprint of the cluster that the sender belongs to, as 16 hex digits. */
#define RM__WIRE_CLUSTER_FIELD "X-Cluster"
/* What time it is to control, in milliseconds since the epoch: it stamps values, so a window that
 * ends now ends then. */
#define RM__WIRE_NOW_FIELD "X-Now"
#define RM__WIRE_PROTOBUF "application/x-protobuf"

enum { RM__FINGERPRINT_TEXT_LEN = 16, RM__SESSION_TEXT_LEN = 32 };

/* A session as 32 lower-case hex digits, its high half first. Errors: RM_ESYNTAX (or zero, which is
 * none). */
int rm__session_parse(struct rm_slice text, struct rm_session *ret_session);

#endif
