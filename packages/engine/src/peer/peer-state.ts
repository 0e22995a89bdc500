/**
 * Who chokes whom and who wants what (BEP 3): two bits in each direction, choked and not interested at first.
 *
 *            ours to say            theirs to say
 *     send   isChoking              isInterestedInUs
 *     fetch  isInterested           isChokingUs
 */
export class PeerState {
  isChoking = true
  isInterested = false
  isChokingUs = true
  isInterestedInUs = false
  /** What it has it says in its first message after the handshake (BEP 3, 6); what comes later only adds to that. */
  hasSpoken = false
}
