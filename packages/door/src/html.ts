/** A page of ours runs nothing, loads nothing and is shown in no frame; its styles are in it. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`)
}

const STYLE = `
  :root { color-scheme: light dark; --accent: light-dark(#0B6E99, #4CB5E0) }
  body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 6vh auto; padding: 0 1.25rem; font-variant-numeric: tabular-nums }
  h1, h2, h3 { line-height: 1.25; margin: 2.2rem 0 .5rem } a { color: var(--accent) }
  code { font-size: .95em } pre { padding: .6rem .8rem; margin: .4rem 0 1rem; border-radius: 6px; background: #8882; overflow-x: auto; user-select: all }
  table { border-collapse: collapse; width: 100%; margin: .4rem 0 1rem } td, th { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #8883 }
  small, .quiet { opacity: .72 } :target { background: #4CB5E033 }
`

/** @param body HTML: every text of others in it is escaped already */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
${body}
</html>
`
}
