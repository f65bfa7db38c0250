#include "status.h"

void rm__status_write_cluster(struct rm_json_writer *json, const struct rm__cluster_info *info)
{
    rm_json_key(json, "cluster");
    rm_json_object_begin(json);
    rm_json_member_text(json, "name", rm_slice_of(info->name));
    rm_json_member_text(json, "fingerprint", rm_slice_of(info->fingerprint));
    rm_json_member_uint(json, "shards", info->n_shards);
    rm_json_member_uint(json, "replicas", info->n_replicas);
    rm_json_member_uint(json, "workers", info->n_workers);
    rm_json_object_end(json);
}
