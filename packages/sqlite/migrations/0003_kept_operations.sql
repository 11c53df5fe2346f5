ALTER TABLE `outbox_lanes` ADD `evicted_n` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `outbox_ops_committed` ON `outbox_ops` (`lane`,`n`) WHERE state = 'committed';