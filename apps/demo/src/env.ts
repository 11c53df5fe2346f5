import type { Environment } from '@umbra/core'

/** Notices of the AWS SDK about future Node versions are not part of the tour. */
const SDK_NOTICE_SWITCH = 'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'

/** The process's own environment: the only place that reads it. */
export function processEnvironment(): Environment {
  process.env[SDK_NOTICE_SWITCH] ??= 'true'
  return process.env
}
