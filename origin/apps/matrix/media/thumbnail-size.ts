export interface ThumbnailSize {
  readonly width: number;
  readonly height: number;
  readonly method: "crop" | "scale";
}

/** Specification §Thumbnails, and squares as large as avatars are shown on dense screens. */
const scaled = ["320x240", "640x480", "800x600"].map((size) => read(size, "scale"));
const cropped = ["32x32", "96x96", "240x240", "480x480", "320x240", "640x480"].map((size) =>
  read(size, "crop"),
);
const sizes: Readonly<Record<ThumbnailSize["method"], readonly ThumbnailSize[]>> = {
  scale: [read("32x32", "scale"), read("96x96", "scale"), ...scaled],
  crop: cropped,
};

function read(size: string, method: ThumbnailSize["method"]): ThumbnailSize {
  const [width = 0, height = 0] = size.split("x").map(Number);
  return { width, height, method };
}

/**
 * The listed size for what a client would like: the smallest that is no smaller, of those to be cropped one whose sides
 * are most alike, otherwise the largest there is. However many sizes clients think of, these are all that are made.
 */
export function chooseThumbnailSize(wish: ThumbnailSize): ThumbnailSize {
  const shape = ({ width, height }: ThumbnailSize): number =>
    wish.method === "crop" ? Math.abs(Math.log((width * wish.height) / (height * wish.width))) : 0;
  const ordered = sizes[wish.method].toSorted(
    (a, b) => shape(a) - shape(b) || a.width * a.height - b.width * b.height,
  );
  const enough = ordered.filter(({ width, height }) => width >= wish.width && height >= wish.height);
  const best = ordered.filter((size) => shape(size) === shape(ordered[0] ?? size));
  return enough[0] ?? best.at(-1) ?? wish;
}
