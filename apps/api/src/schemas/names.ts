import type { JsonObject } from '@umbra/core'
import { z } from 'zod'
import 'zod-openapi'

/** As long as the library takes names to be, characters. */
const MAX_NAME_CHARACTERS = 200

/** One spelling per name, or two spellings would be one namespace to the storage and two to the access check. */
const name = z.string().min(1).max(MAX_NAME_CHARACTERS).normalize('NFC')

export const namespaceParams = {
  module: name.meta({ description: 'The part of the application the data belongs to', example: 'finance' }),
  user: name.meta({ description: 'Whose data it is', example: 'user123' }),
}

export const recordId = name.meta({ description: "The record's id", example: '01KD3Z6V5E8Q2N4R7T9W1X3Y5Z' })
export const filename = name.meta({ description: "The original file's name", example: 'receipt.pdf' })
export const uploadId = z.string().meta({ description: 'As returned when the upload was created' })

export const expiresIn = z
  .int()
  .min(1)
  .max(604_800)
  .meta({ description: 'Seconds the link is valid: up to 7 days; default one hour', example: 3600 })

export const metadata = z
  .record(z.string(), z.unknown())
  // It comes out of a JSON body, so its values are JSON.
  .transform((values) => values as JsonObject)
  .meta({ description: 'Small facts to filter by, at most 4,096 bytes as JSON', example: { project: 'x7' } })
