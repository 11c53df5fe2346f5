import { createMemoryBackend } from '@umbra/core'
import { expect, it } from 'vitest'
import { isNotedBucket, noteBucket } from './hybrid-bucket.ts'

const noted = { endpoint: 'https://account.r2.cloudflarestorage.com', bucket: 'umbra' }

it.each([
  ['the same', noted, true],
  [
    'the same, spelt otherwise',
    { ...noted, endpoint: 'https://ACCOUNT.r2.cloudflarestorage.com:443/' },
    true,
  ],
  ['of another name', { ...noted, bucket: 'other' }, false],
  ['elsewhere', { ...noted, endpoint: 'https://account.eu.r2.cloudflarestorage.com' }, false],
])('a bucket is the other half of a hybrid when it is the one that was noted: %s', async (_, bucket, is) => {
  const secondary = createMemoryBackend()
  expect(await isNotedBucket(secondary, bucket)).toBe(false)
  await noteBucket(secondary, noted)
  await noteBucket(secondary, noted)
  expect(await isNotedBucket(secondary, bucket)).toBe(is)
  await noteBucket(secondary, bucket)
  expect(await isNotedBucket(secondary, bucket)).toBe(true)
})
