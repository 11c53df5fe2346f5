import type { Namespace, R2Environment } from '@umbra/core'
import type { Output } from './output/output.ts'

/** Everything the tour stores is under this module, so that it is easily told from real data. */
const DEMO_MODULE = 'umbra-demo'

/** One for each dataset. */
export interface DemoNamespaces {
  readonly films: Namespace
  readonly birdstrikes: Namespace
  readonly flights: Namespace
}

export function demoNamespaces(suffix = ''): DemoNamespaces {
  return {
    films: { module: DEMO_MODULE, userId: `films${suffix}` },
    birdstrikes: { module: DEMO_MODULE, userId: `birdstrikes${suffix}` },
    flights: { module: DEMO_MODULE, userId: `flights${suffix}` },
  }
}

/** A real bucket remembers earlier tours, so that each needs namespaces of its own, such as films-20250131-235959. */
export function namespacesOfRun(now: Date): DemoNamespaces {
  return demoNamespaces(`-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`)
}

/** The folders of a bucket that hold all that tours have stored there. */
const DEMO_FOLDERS = [`${DEMO_MODULE}/`, `manifests/${DEMO_MODULE}/`, `manifests.d/${DEMO_MODULE}/`]

/** A real bucket belongs to somebody: what stays there, and how to remove it. */
export function showLeftovers({ bucket, endpoint }: R2Environment, out: Output): void {
  out.scenario(`What stays in your bucket ${bucket}`)
  out.explain(
    `Everything this tour stored lies below ${DEMO_FOLDERS.join(', ')} and stays there. To remove it, delete these ` +
      'folders in the Cloudflare dashboard, or with any S3 client, such as:',
  )
  for (const folder of DEMO_FOLDERS) {
    out.detail(`aws s3 rm --recursive s3://${bucket}/${folder} --endpoint-url ${endpoint}`)
  }
}
