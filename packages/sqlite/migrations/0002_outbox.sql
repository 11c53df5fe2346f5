CREATE TABLE `outbox_lanes` (
	`pk` integer PRIMARY KEY NOT NULL,
	`path` text NOT NULL,
	`module` text,
	`user_id` text,
	`writer` text NOT NULL,
	`last_n` integer NOT NULL,
	`mark_n` integer,
	`mark_h` text,
	`holder` text,
	`holder_until` integer NOT NULL,
	`fence` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_lanes_path` ON `outbox_lanes` (`path`);--> statement-breakpoint
CREATE TABLE `outbox_mutations` (
	`op` integer NOT NULL,
	`idx` integer NOT NULL,
	`lane` integer NOT NULL,
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`draft` text,
	`expect` text,
	`fresh_id` integer NOT NULL,
	`min_rev` integer,
	`rev` integer NOT NULL,
	`certain` integer NOT NULL,
	`etag` text NOT NULL,
	`sha256` text NOT NULL,
	`size` integer NOT NULL,
	`at` text NOT NULL,
	`body` integer,
	PRIMARY KEY(`op`, `idx`),
	FOREIGN KEY (`op`) REFERENCES `outbox_ops`(`pk`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `outbox_mutations_id` ON `outbox_mutations` (`lane`,`id`);--> statement-breakpoint
CREATE TABLE `outbox_ops` (
	`pk` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`lane` integer NOT NULL,
	`n` integer NOT NULL,
	`op_id` text NOT NULL,
	`state` text NOT NULL,
	`holder` text NOT NULL,
	`resent` integer NOT NULL,
	`barrier` integer NOT NULL,
	`created_at` integer NOT NULL,
	`decided_at` integer,
	`bytes` integer NOT NULL,
	`h` text,
	`error` text,
	`base` text,
	FOREIGN KEY (`lane`) REFERENCES `outbox_lanes`(`pk`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `outbox_ops_id` ON `outbox_ops` (`op_id`);--> statement-breakpoint
CREATE INDEX `outbox_ops_waiting` ON `outbox_ops` (`lane`,`n`) WHERE state in ('trying', 'pending');--> statement-breakpoint
CREATE INDEX `outbox_ops_listed` ON `outbox_ops` (`pk`) WHERE state in ('conflict', 'dead');--> statement-breakpoint
CREATE INDEX `outbox_ops_kept` ON `outbox_ops` (`decided_at`) WHERE state = 'committed';--> statement-breakpoint
CREATE TABLE `outbox_state` (
	`pk` integer PRIMARY KEY NOT NULL,
	`writer` text NOT NULL,
	`created_at` integer NOT NULL,
	`bytes` integer NOT NULL,
	`kept_bytes` integer NOT NULL
);
