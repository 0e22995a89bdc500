/**
 * The first of these addresses whose host is an internationalised name, written out or as `xn--`: letters of one script
 * that look like those of another lead people to somebody else (SAFETY T13). A hub's own trackers need none.
 */
export function lookAlikeHost(urls: readonly string[]): string | undefined {
  return urls.find((url) => {
    const host = /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(url)?.[1] ?? ''
    return /[^\u0021-\u007e]|%/.test(host) || /(?:^|\.)xn--/i.test(host)
  })
}
