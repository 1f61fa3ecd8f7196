// SPDX-License-Identifier: GPL-2.0-only
/* log, subscribe, record: what happens, and happened. */
#include <string.h>

#include "commands.h"
#include "control.h"
#include "num.h"
#include "record.h"

#define LOG_DEFAULT 20

int cmd_log(struct request *rq)
{
	struct events *ev = &rq->m->events;
	uint64_t n = LOG_DEFAULT, last = events_last(ev), seq;
	struct event e = { 0 };

	if (rq->argc && num_parse_range(rq->argv[0], "how many events", 1,
					EVENTS_KEPT, &n, &rq->err))
		return -1;
	json_array(&rq->reply, "events");
	seq = events_before(ev, n);
	while (event_next(ev, seq, &e) && e.seq <= last) {
		event_json(&e, &rq->reply, NULL);
		seq = e.seq;
	}
	json_array_end(&rq->reply);
	return 0;
}

int cmd_subscribe(struct request *rq)
{
	bool off = rq->argc;

	if (off && strcmp(rq->argv[0], "off"))
		return err_usage(&rq->err, "subscribe %.32s: off or nothing",
				 rq->argv[0]);
	control_subscribe(rq->owner, !off);
	json_bool(&rq->reply, "subscribed", !off);
	json_num(&rq->reply, "last", events_last(&rq->m->events));
	return 0;
}

int cmd_record(struct request *rq)
{
	struct machine *m = rq->m;
	const char *word = rq->argv[0];

	if (!strcmp(word, "stop"))
		return record_stop(m, &rq->reply, &rq->err);
	if (!*word)
		return err_usage(&rq->err, "record \"\": to which file?");
	if (record_start(m, word, &rq->err))
		return -1;
	json_str(&rq->reply, "file", m->record->path);
	json_bool(&rq->reply, "from_start", m->record->from_start);
	return 0;
}
