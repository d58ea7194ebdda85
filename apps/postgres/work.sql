-- SPDX-License-Identifier: Apache-2.0
-- What tests and moves have the server do. Statements end with a semicolon and an empty line (postgres --single -j). The whole of it fits into the
-- buffer of standard input, which does not move. ROUNDS and PAUSE (seconds) are put in by who runs it.
CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL, price numeric(12, 2) NOT NULL, made date NOT NULL, note tsvector);

INSERT INTO items SELECT i, 'item ' || i, (i::bigint * 7919 % 10007) / 100.0, date '2020-01-01' + i % 1000 FROM generate_series(1, 100000) i;

CREATE TABLE history (round int PRIMARY KEY, total numeric NOT NULL);

CREATE FUNCTION work(rounds int, pause float) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	touched int;
	changed int := 0;
BEGIN
	FOR round IN 1 .. rounds LOOP
		UPDATE items SET price = price + round % 7 WHERE id % 100 = round % 100;
		GET DIAGNOSTICS touched = ROW_COUNT;
		changed := changed + touched;
		INSERT INTO history SELECT round, sum(price) FROM items WHERE id BETWEEN round * 100 AND round * 100 + 20000;
		BEGIN
			INSERT INTO history VALUES (round, 0);
		EXCEPTION WHEN unique_violation THEN
			changed := changed + 1;
		END;
		RAISE NOTICE 'beat %', round;
		PERFORM pg_sleep(pause);
	END LOOP;
	RETURN changed;
END $$;

SELECT work(ROUNDS, PAUSE) AS changed;

CREATE INDEX items_made ON items (made, id);

UPDATE items SET note = to_tsvector('english', name || ' was running and ran, bought and buying ' || id % 17) WHERE id % 10 = 0;

CREATE INDEX items_note ON items USING gin (note);

SET enable_seqscan = off;

SELECT made, count(*), sum(price) AS total, min(name), max(name) FROM items WHERE made BETWEEN '2021-03-01' AND '2021-03-05' GROUP BY made ORDER BY made;

SELECT count(*) AS running FROM items WHERE note @@ to_tsquery('english', 'runs & 5');

RESET enable_seqscan;

SELECT count(*) AS rows, count(DISTINCT id) AS ids, min(id), max(id), sum(price) AS total, avg(price) AS mean, stddev(price) FROM items;

SELECT count(*) AS rounds, sum(total) AS total, md5(string_agg(round || ':' || total, ',' ORDER BY round)) AS digest FROM history;

SELECT a.id % 10 AS digit, count(*), sum(a.price - b.price) AS difference FROM items a JOIN items b ON b.id = a.id + 1 GROUP BY 1 ORDER BY 1;

SELECT md5(string_agg(id || name || price || made || coalesce(note::text, ''), ',' ORDER BY id)) AS digest FROM items;

CHECKPOINT;

VACUUM (ANALYZE, TRUNCATE off) items;

SELECT count(*) AS after, sum(price) AS total FROM items;

