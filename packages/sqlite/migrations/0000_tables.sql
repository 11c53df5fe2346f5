CREATE TABLE `blobs` (
	`path` text PRIMARY KEY NOT NULL,
	`etag` text NOT NULL,
	`bytes` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `bodies` (
	`pk` integer PRIMARY KEY NOT NULL,
	`staged_at` integer,
	`bytes` blob
);
--> statement-breakpoint
CREATE INDEX `bodies_staged` ON `bodies` (`staged_at`) WHERE staged_at is not null;--> statement-breakpoint
CREATE TABLE `body_chunks` (
	`body` integer NOT NULL,
	`chunk` integer NOT NULL,
	`bytes` blob NOT NULL,
	PRIMARY KEY(`body`, `chunk`),
	FOREIGN KEY (`body`) REFERENCES `bodies`(`pk`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `namespaces` (
	`pk` integer PRIMARY KEY NOT NULL,
	`module` text NOT NULL,
	`user_id` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `namespaces_name` ON `namespaces` (`module`,`user_id`);--> statement-breakpoint
CREATE TABLE `records` (
	`pk` integer PRIMARY KEY NOT NULL,
	`namespace` integer NOT NULL,
	`id` text NOT NULL,
	`timestamp` text NOT NULL,
	`data_type` text NOT NULL,
	`key` text NOT NULL,
	`etag` text NOT NULL,
	`size` integer NOT NULL,
	`metadata` text NOT NULL,
	`rev` integer NOT NULL,
	`op` text NOT NULL,
	`sha256` text NOT NULL,
	`record_count` integer,
	`text` text NOT NULL,
	`text_truncated` integer NOT NULL,
	`updated_at` text,
	`content_type` text,
	`filename` text,
	`body` integer,
	FOREIGN KEY (`namespace`) REFERENCES `namespaces`(`pk`) ON UPDATE no action ON DELETE no action,
	CONSTRAINT "records_pk_fits_search" CHECK(pk < 1073741824)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `records_id` ON `records` (`namespace`,`id`);--> statement-breakpoint
CREATE INDEX `records_order` ON `records` (`namespace`,`timestamp`,`id`) WHERE op = 'put';