import { type Info } from '@shoal/protocol/metainfo/info';
import type { SimDisk } from '../src/sim/disk.ts';
export declare function sha1(bytes: Uint8Array): Uint8Array;
export declare function sha256(bytes: Uint8Array): Uint8Array;
export interface SwarmTorrentOptions {
    readonly seed: string;
    /** Of the files, in order. One alone makes a torrent that is a single file. */
    readonly lengths: readonly number[];
    readonly pieceLength: number;
    readonly trackers?: readonly (readonly string[])[];
    /** The same megabyte again and again: for stories that move much. */
    readonly isCheap?: boolean;
}
/** A torrent of random content, made from a seed, that can be laid onto simulated disks and compared with them. */
export declare class SwarmTorrent {
    #private;
    readonly info: Info;
    readonly metainfo: Uint8Array;
    readonly content: Uint8Array;
    constructor(options: SwarmTorrentOptions);
    get magnet(): string;
    fileBytes(fileIndex: number): Uint8Array;
    pieceBytes(pieceIndex: number): Uint8Array;
    pathOf(dir: string, fileIndex: number): string;
    /** The whole content, as a seeder has it. `isMissing` pieces are left as zeros. */
    putOn(disk: SimDisk, dir: string, isMissing?: (pieceIndex: number) => boolean): void;
    /** What is not as it should be below `dir`, in words; empty when all wanted files are equal. */
    differences(disk: SimDisk, dir: string, wanted?: readonly number[]): string[];
}
