-- The full-text index of live records. Their texts are tokens joined by spaces, already in normal form, so the ascii
-- tokenizer only splits at the spaces. Every token is prefixed with its namespace (`n12x...`), so that a search, even for the
-- beginning of a word, never reads another namespace's postings; the token `n12` marks every record of the namespace.
-- A row's id is the record's second since 1970 (33 bits) and its primary key (30 bits): the index itself is in time
-- order, and the newest matches of a common word are found without reading the others.
CREATE VIRTUAL TABLE `search` USING fts5(`text`, content = '', contentless_delete = 1, tokenize = 'ascii');
--> statement-breakpoint
CREATE TRIGGER `records_search_insert` AFTER INSERT ON `records` WHEN new.op = 'put' BEGIN
	INSERT INTO `search` (`rowid`, `text`) VALUES (
		(min(max(ifnull(unixepoch(substr(new.timestamp, 1, 19)), 0), 0), 8589934591) << 30) | new.pk,
		'n' || new.namespace || replace(' ' || new.text, ' ', ' n' || new.namespace || 'x')
	);
END;
--> statement-breakpoint
CREATE TRIGGER `records_search_leave` BEFORE UPDATE ON `records` WHEN old.op = 'put' BEGIN
	DELETE FROM `search` WHERE `rowid` =
		(min(max(ifnull(unixepoch(substr(old.timestamp, 1, 19)), 0), 0), 8589934591) << 30) | old.pk;
END;
--> statement-breakpoint
CREATE TRIGGER `records_search_enter` AFTER UPDATE ON `records` WHEN new.op = 'put' BEGIN
	INSERT INTO `search` (`rowid`, `text`) VALUES (
		(min(max(ifnull(unixepoch(substr(new.timestamp, 1, 19)), 0), 0), 8589934591) << 30) | new.pk,
		'n' || new.namespace || replace(' ' || new.text, ' ', ' n' || new.namespace || 'x')
	);
END;
