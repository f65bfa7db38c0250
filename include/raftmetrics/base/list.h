/* An intrusive doubly linked list. A link is a member of what it links; the list owns nothing. */
#ifndef RAFTMETRICS_BASE_LIST_H
#define RAFTMETRICS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rm_list {
    struct rm_list *next;
    struct rm_list *prev;
};

/* The struct of @type whose member @member is *@link. */
#define RM_LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Makes an empty list, or a link that stands in none. */
static inline void rm_list_init(struct rm_list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool rm_list_is_empty(const struct rm_list *list)
{
    return list->next == list;
}

static inline void rm_list_push_back(struct rm_list *list, struct rm_list *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

/* Takes @link out of its list; harmless where it stands in none. */
static inline void rm_list_remove(struct rm_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    rm_list_init(link);
}

/* Moves all links of @from behind those of @to. */
static inline void rm_list_splice(struct rm_list *to, struct rm_list *from)
{
    if (rm_list_is_empty(from)) {
        return;
    }
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    rm_list_init(from);
}

#endif
