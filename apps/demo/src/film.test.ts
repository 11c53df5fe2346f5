import { describe, expect, it } from 'vitest'
import { describeFilm, filmMetadata } from './film.ts'

describe('films', () => {
  it('are described by title and year, whatever the title is', () => {
    const released = { 'Release Date': 'Nov 09 1972' }
    expect(describeFilm({ ...released, Title: 'The Godfather' })).toBe('The Godfather (1972)')
    expect(describeFilm({ ...released, Title: 1776 })).toBe('1776 (1972)')
    expect(describeFilm({ ...released, Title: null })).toBe('untitled (1972)')
    expect(describeFilm(undefined)).toBe('not a film')
  })

  it('have a genre to filter by only where the data name one', () => {
    const released = { 'Release Date': 'Mar 09 2007' }
    expect(filmMetadata({ ...released, 'Major Genre': 'Action' })).toEqual({ year: 2007, genre: 'Action' })
    expect(filmMetadata({ ...released, 'Major Genre': null })).toEqual({ year: 2007 })
  })
})
