/* The words that control and worker say to each other over HTTP. */
#ifndef RAFTMETRICS_SRC_API_WIRE_H
#define RAFTMETRICS_SRC_API_WIRE_H

#define RM__WIRE_PREFIX "/internal"
#define RM__WIRE_CLUSTER_PATH RM__WIRE_PREFIX "/cluster"
#define RM__WIRE_APPEND_PATH RM__WIRE_PREFIX "/append"
#define RM__WIRE_STATUS_PATH RM__WIRE_PREFIX "/status"

/* The field with the fingerprint of the cluster that the sender belongs to, as 16 hex digits. */
#define RM__WIRE_CLUSTER_FIELD "X-Cluster"
#define RM__WIRE_PROTOBUF "application/x-protobuf"

enum { RM__FINGERPRINT_TEXT_LEN = 16 };

#endif
