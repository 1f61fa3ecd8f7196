// SPDX-License-Identifier: GPL-2.0-only
/* log, subscribe, record: current and past events. */
#include <string.h>

#include "base/num.h"
#include "command/handlers.h"
#include "command/record.h"
#include "control/session.h"

#define LOG_DEFAULT 20
#define LOG_PART    16 /* events per part: a few kB */

/* Events overwritten meanwhile are missing. */
static int log_part(struct request *rq)
{
	struct events *ev = &rq->m->events;
	uint64_t *seen = &rq->arg[0], last = rq->arg[1];
	struct event e = { 0 };

	for (unsigned int i = 0; i < LOG_PART; i++) {
		if (!event_next(ev, *seen, &e) || e.seq > last) {
			json_array_end(&rq->reply);
			return 0;
		}
		event_json(&e, &rq->reply, NULL);
		*seen = e.seq;
	}
	return REQUEST_PARTS;
}

int cmd_log(struct request *rq)
{
	struct events *ev = &rq->m->events;
	uint64_t n = LOG_DEFAULT;

	if (rq->argc && num_parse_range(rq->argv[0], "the number of events", 1,
					EVENTS_KEPT, &n, &rq->err))
		return -1;
	json_array(&rq->reply, "events");
	rq->arg[0] = events_before(ev, n);
	rq->arg[1] = events_last(ev);
	rq->part = log_part;
	/* Start now: this request's event replaces one of them. */
	return log_part(rq);
}

int cmd_subscribe(struct request *rq)
{
	bool off = rq->argc;

	if (off && strcmp(rq->argv[0], "off"))
		return err_usage(&rq->err,
				 "unexpected argument '%.32s': subscribe [off]",
				 rq->argv[0]);
	rq->client->subscribe(rq->owner, !off);
	json_bool(&rq->reply, "subscribed", !off);
	json_num(&rq->reply, "last", events_last(&rq->m->events));
	return 0;
}

int cmd_record(struct request *rq)
{
	const char *word = rq->argv[0];

	if (!strcmp(word, "stop"))
		return record_stop(rq->s, &rq->reply, &rq->err);
	if (!*word)
		return err_usage(&rq->err, "record: the file name is empty");
	if (record_start(rq->s, word, &rq->err))
		return -1;
	json_str(&rq->reply, "file", rq->s->record->path);
	json_bool(&rq->reply, "from_start", rq->s->record->from_start);
	return 0;
}
