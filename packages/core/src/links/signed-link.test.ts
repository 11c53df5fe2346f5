import fc from 'fast-check'
import { expect, it } from 'vitest'
import { signLink, verifyLink } from './signed-link.ts'
import type { LinkGrant } from './signed-link.ts'

const settings = { secret: 'a secret of the test', publicUrl: 'https://files.example' }
const grant: LinkGrant = {
  key: 'finance/user123/2026/01/02/a.json',
  expiresAt: 1_000_000,
  downloadAs: 'Ünïcode "name".json',
  contentType: 'application/json',
}

const tokenOf = (link: string) => link.slice(`${settings.publicUrl}/v1/links/`.length)

it('gives a url whose token verifies to the grant until it expires', () => {
  const link = signLink(settings, grant)
  expect(link).toMatch(/^https:\/\/files\.example\/v1\/links\/[\w-]+\.[\w-]+$/)
  expect(verifyLink(settings.secret, tokenOf(link), 999_999)).toEqual(grant)
  const plain = { key: 'k', expiresAt: 2 }
  expect(verifyLink(settings.secret, tokenOf(signLink(settings, plain)), 1)).toEqual(plain)
})

it('refuses a link from the moment it expires', () => {
  const token = tokenOf(signLink(settings, grant))
  const refused = { code: 'FORBIDDEN', message: expect.stringContaining('expired') }
  expect(() => verifyLink(settings.secret, token, 1_000_000)).toThrow(expect.objectContaining(refused))
})

it('refuses a token with any character changed, added or taken away', () => {
  const token = tokenOf(signLink(settings, grant))
  const edit = fc.record({
    at: fc.nat(token.length),
    removed: fc.nat(2),
    inserted: fc.string({ maxLength: 2 }),
  })
  fc.assert(
    fc.property(edit, ({ at, removed, inserted }) => {
      const forged = token.slice(0, at) + inserted + token.slice(at + removed)
      fc.pre(forged !== token)
      expect(() => verifyLink(settings.secret, forged, 0)).toThrow(
        expect.objectContaining({ code: 'FORBIDDEN' }),
      )
    }),
  )
})

it('refuses a link signed with another secret', () => {
  const token = tokenOf(signLink({ ...settings, secret: 'another' }, grant))
  expect(() => verifyLink(settings.secret, token, 0)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }))
})
