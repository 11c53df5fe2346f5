CREATE TABLE `bases` (
	`record` integer PRIMARY KEY NOT NULL,
	`versions` text NOT NULL,
	FOREIGN KEY (`record`) REFERENCES `records`(`pk`) ON UPDATE no action ON DELETE no action
);
