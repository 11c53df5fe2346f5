#!/usr/bin/env node
import process from 'node:process'
import { systemClock } from '@umbra/core'
import { runCli } from './run-cli.ts'

// Notices of the AWS SDK about future Node versions are not this command's to give.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

const interruption = new AbortController()
// Once: a second one ends the process at once, which is safe too.
process.once('SIGINT', () => interruption.abort(new Error('interrupted')))
process.once('SIGTERM', () => interruption.abort(new Error('terminated')))
// A reader that has seen enough, such as head, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  clock: systemClock,
  signal: interruption.signal,
})
