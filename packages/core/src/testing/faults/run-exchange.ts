import type { IncomingMessage } from 'node:http'
import { finished } from 'node:stream/promises'
import { cut, deliver, deliverHalf, hasBody, send, takeWhole } from './exchange.ts'
import type { Exchange, ExchangeContext } from './exchange.ts'
import { answerFault, TOO_MANY_REQUESTS } from './fault-answer.ts'
import type { FaultAnswer } from './fault-answer.ts'
import type { Disruption } from './fault-plan.ts'

/** Brings one request to the store and its answer back, with everything that its plan says goes wrong on the way. */
export async function runExchange(original: Exchange, context: ExchangeContext): Promise<void> {
  const { disruption, delayMs } = original.plan
  if (disruption?.kind === 'cut-before-body') {
    context.count(disruption.kind)
    return cut(original)
  }
  // What is delayed is on its way already: it arrives even when its sender is gone by then.
  const isWhole =
    delayMs !== undefined || disruption?.kind === 'duplicate' || disruption?.kind === 'late-apply'
  const exchange = isWhole ? await takeWhole(original) : original
  if (delayMs !== undefined) {
    context.count('latency')
    await context.clock.sleep(delayMs)
  }
  if (disruption === undefined) return deliver(await send(exchange, context), exchange, context)
  return disrupt(disruption, exchange, context)
}

async function disrupt(fault: Disruption, exchange: Exchange, context: ExchangeContext): Promise<void> {
  switch (fault.kind) {
    case 'cut-before-body':
      return
    case 'rate-limit':
      return refuse(fault, exchange, context)
    case 'error-before':
    case 'refused-credentials':
      return refuse(fault, exchange, context)
    case 'error-after':
      return hideAnswer(fault, exchange, context)
    case 'cut-before-answer':
      return hideAnswer(fault, exchange, context)
    case 'cut-in-answer':
      return cutInAnswer(fault, exchange, context)
    case 'duplicate':
      return sendTwice(fault, exchange, context)
    case 'late-apply':
      return applyLate(fault, exchange, context)
    case 'held-answer':
      return holdAnswer(fault, exchange, context)
    default:
      fault satisfies never
  }
}

type Of<Kind extends Disruption['kind']> = Extract<Disruption, { kind: Kind }>

/** The store never sees it. */
async function refuse(
  fault: Of<'rate-limit' | 'error-before' | 'refused-credentials'>,
  { incoming, response }: Exchange,
  context: ExchangeContext,
): Promise<void> {
  // Read to its end, or the connection could not be used again.
  await finished(incoming.resume())
  context.count(fault.kind)
  answerFault(response, refusal(fault))
}

function refusal(fault: Of<'rate-limit' | 'error-before' | 'refused-credentials'>): FaultAnswer {
  if (fault.kind === 'rate-limit') return TOO_MANY_REQUESTS
  const { status, code } = fault
  return fault.kind === 'error-before'
    ? { status: status ?? 503, code: code ?? 'ServiceUnavailable', message: 'Please try again.' }
    : { status: status ?? 403, code: code ?? 'SignatureDoesNotMatch', message: 'Check your key.' }
}

/** The store does it, the client does not hear so. */
async function hideAnswer(
  fault: Of<'error-after' | 'cut-before-answer'>,
  exchange: Exchange,
  context: ExchangeContext,
): Promise<void> {
  await discard(await send(exchange, context))
  context.count(fault.kind)
  if (fault.kind === 'cut-before-answer') return cut(exchange)
  const { status = 500, code = 'InternalError' } = fault
  answerFault(exchange.response, { status, code, message: 'We encountered an internal error.' })
}

async function cutInAnswer(
  fault: Of<'cut-in-answer'>,
  exchange: Exchange,
  context: ExchangeContext,
): Promise<void> {
  const answer = await send(exchange, context)
  if (!hasBody(answer, exchange.original.method)) return deliver(answer, exchange, context)
  context.count(fault.kind)
  return deliverHalf(answer, exchange)
}

async function sendTwice(
  fault: Of<'duplicate'>,
  exchange: Exchange,
  context: ExchangeContext,
): Promise<void> {
  const first = await send(exchange, context)
  if (!(exchange.body instanceof Uint8Array)) return deliver(first, exchange, context)
  context.count(fault.kind)
  if (fault.answer === 'first') {
    await deliver(first, exchange, context)
    return discard(await send(exchange, context))
  }
  await discard(first)
  return deliver(await send(exchange, context), exchange, context)
}

async function applyLate(
  { kind, afterRequests = 1, client = 'cut' }: Of<'late-apply'>,
  exchange: Exchange,
  context: ExchangeContext,
): Promise<void> {
  if (!(exchange.body instanceof Uint8Array)) return deliver(await send(exchange, context), exchange, context)
  context.count(kind)
  const turn = context.held.hold(afterRequests)
  if (client === 'cut') cut(exchange)
  if (!(await turn)) return
  const answer = await send(exchange, context)
  return client === 'cut' ? discard(answer) : deliver(answer, exchange, context)
}

async function holdAnswer(
  { kind, afterRequests = 1 }: Of<'held-answer'>,
  exchange: Exchange,
  context: ExchangeContext,
): Promise<void> {
  const answer = await send(exchange, context)
  context.count(kind)
  if (await context.held.hold(afterRequests)) return deliver(answer, exchange, context)
  answer.destroy()
}

async function discard(answer: IncomingMessage): Promise<void> {
  await finished(answer.resume())
}
