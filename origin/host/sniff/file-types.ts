/** What a file's first bytes can be told to be. Several types share one: a docx is a zip. */
export type Magic =
  | "aac"
  | "amr"
  | "avi"
  | "avif"
  | "bmp"
  | "bzip2"
  | "class"
  | "elf"
  | "exe"
  | "flac"
  | "gif"
  | "gzip"
  | "heic"
  | "ico"
  | "jpeg"
  | "jxl"
  | "mach-o"
  | "matroska"
  | "midi"
  | "mp3"
  | "mp4"
  | "mpeg"
  | "ogg"
  | "ole"
  | "otf"
  | "pdf"
  | "png"
  | "rar"
  | "rtf"
  | "seven-zip"
  | "sqlite"
  | "tar"
  | "text"
  | "tiff"
  | "ttf"
  | "wasm"
  | "wav"
  | "webp"
  | "woff"
  | "woff2"
  | "xz"
  | "zip"
  | "zstd";

export interface FileType {
  readonly type: string;
  readonly magic: Magic;
  /** Other names by which programs declare it. */
  readonly aliases: readonly string[];
  readonly extensions: readonly string[];
  /** A browser may show it where it stands: it holds nothing that runs. Everything else is served inert. */
  readonly shown: boolean;
}

const shown = (magic: Magic, type: string, extensions: string, aliases = ""): FileType => ({
  type,
  magic,
  extensions: words(extensions),
  aliases: words(aliases),
  shown: true,
});
const inert = (magic: Magic, type: string, extensions: string, aliases = ""): FileType => ({
  ...shown(magic, type, extensions, aliases),
  shown: false,
});
const words = (list: string): string[] => list.split(" ").filter((word) => word !== "");

const ooxml = "application/vnd.openxmlformats-officedocument";
const odf = "application/vnd.oasis.opendocument";

/** The first of several types with the same magic is what a file is called that claims to be nothing. */
export const fileTypes: readonly FileType[] = [
  shown("png", "image/png", "png", "image/apng image/x-png"),
  shown("jpeg", "image/jpeg", "jpg jpeg jpe jfif", "image/jpg image/pjpeg"),
  shown("gif", "image/gif", "gif"),
  shown("webp", "image/webp", "webp"),
  shown("avif", "image/avif", "avif", "image/avif-sequence"),
  shown("heic", "image/heic", "heic heif hif", "image/heif image/heic-sequence image/heif-sequence"),
  shown("jxl", "image/jxl", "jxl"),
  shown("bmp", "image/bmp", "bmp dib", "image/x-bmp image/x-ms-bmp"),
  shown("tiff", "image/tiff", "tif tiff"),
  shown("ico", "image/vnd.microsoft.icon", "ico", "image/x-icon"),

  shown("mp3", "audio/mpeg", "mp3", "audio/mp3 audio/x-mp3 audio/mpeg3"),
  shown("aac", "audio/aac", "aac", "audio/x-aac audio/aacp"),
  shown("flac", "audio/flac", "flac", "audio/x-flac"),
  shown("wav", "audio/wav", "wav", "audio/wave audio/x-wav audio/vnd.wave"),
  shown("ogg", "audio/ogg", "ogg oga opus spx", "audio/opus audio/vorbis application/ogg audio/x-ogg"),
  shown("ogg", "video/ogg", "ogv ogg", "application/ogg"),
  shown("midi", "audio/midi", "mid midi", "audio/x-midi"),
  shown("amr", "audio/amr", "amr"),
  shown("mp4", "video/mp4", "mp4 m4v", "video/x-m4v application/mp4"),
  shown("mp4", "audio/mp4", "m4a m4b mp4", "audio/x-m4a audio/m4a audio/aac"),
  shown("mp4", "video/quicktime", "mov qt"),
  shown("mp4", "video/3gpp", "3gp 3g2", "audio/3gpp video/3gpp2 audio/3gpp2"),
  shown("matroska", "video/webm", "webm"),
  shown("matroska", "audio/webm", "webm weba"),
  shown("matroska", "video/x-matroska", "mkv", "video/matroska"),
  shown("matroska", "audio/x-matroska", "mka", "audio/matroska"),
  shown("avi", "video/x-msvideo", "avi", "video/avi video/msvideo"),
  shown("mpeg", "video/mpeg", "mpg mpeg"),

  shown("text", "text/plain", "txt text log"),
  shown("text", "text/markdown", "md markdown", "text/x-markdown"),
  shown("text", "text/csv", "csv", "application/csv application/vnd.ms-excel"),
  shown("text", "text/tab-separated-values", "tsv tab"),
  shown("text", "application/json", "json geojson", "text/json application/ld+json application/geo+json"),
  shown("text", "application/yaml", "yaml yml", "text/yaml text/x-yaml application/x-yaml"),
  shown("text", "application/toml", "toml"),
  shown("text", "text/vtt", "vtt"),
  shown("text", "application/x-subrip", "srt", "text/srt"),
  inert("text", "text/calendar", "ics"),
  inert("text", "text/vcard", "vcf", "text/x-vcard text/directory"),
  inert("text", "message/rfc822", "eml"),
  inert("text", "text/html", "html htm"),
  inert("text", "application/xhtml+xml", "xhtml xht"),
  inert("text", "image/svg+xml", "svg", "image/svg"),
  inert(
    "text",
    "application/xml",
    "xml xsl xslt rss atom",
    "text/xml application/rss+xml application/atom+xml text/xsl",
  ),
  inert("text", "text/css", "css"),
  inert(
    "text",
    "text/javascript",
    "js mjs cjs",
    "application/javascript application/x-javascript text/ecmascript application/ecmascript",
  ),
  inert("text", "application/x-sh", "sh bash", "text/x-sh text/x-shellscript application/x-shellscript"),
  inert("text", "application/x-bat", "bat cmd", "application/bat"),
  inert("text", "text/x-python", "py", "text/x-script.python application/x-python-code"),
  inert("text", "application/x-httpd-php", "php phtml", "application/x-php text/php text/x-php"),
  inert("text", "text/vbscript", "vbs"),
  inert("text", "application/hta", "hta"),

  inert("pdf", "application/pdf", "pdf", "application/x-pdf"),
  inert("rtf", "application/rtf", "rtf", "text/rtf"),
  inert(
    "zip",
    "application/zip",
    "zip cbz",
    "application/x-zip-compressed application/x-zip application/vnd.comicbook+zip",
  ),
  inert("zip", `${ooxml}.wordprocessingml.document`, "docx"),
  inert("zip", `${ooxml}.spreadsheetml.sheet`, "xlsx"),
  inert("zip", `${ooxml}.presentationml.presentation`, "pptx"),
  inert("zip", `${odf}.text`, "odt"),
  inert("zip", `${odf}.spreadsheet`, "ods"),
  inert("zip", `${odf}.presentation`, "odp"),
  inert("zip", `${odf}.graphics`, "odg"),
  inert("zip", "application/epub+zip", "epub"),
  inert("zip", "application/java-archive", "jar war", "application/x-java-archive"),
  inert("zip", "application/vnd.android.package-archive", "apk"),
  inert("zip", "application/x-xpinstall", "xpi"),
  inert("ole", "application/msword", "doc dot"),
  inert("ole", "application/vnd.ms-excel", "xls"),
  inert("ole", "application/vnd.ms-powerpoint", "ppt"),
  inert("ole", "application/vnd.ms-outlook", "msg"),
  inert("ole", "application/x-msi", "msi"),
  inert("tar", "application/x-tar", "tar"),
  inert("gzip", "application/gzip", "gz tgz", "application/x-gzip application/x-compressed-tar"),
  inert("zstd", "application/zstd", "zst tzst"),
  inert("bzip2", "application/x-bzip2", "bz2 tbz2", "application/x-bzip"),
  inert("xz", "application/x-xz", "xz txz"),
  inert("seven-zip", "application/x-7z-compressed", "7z"),
  inert("rar", "application/vnd.rar", "rar", "application/x-rar-compressed application/x-rar"),
  inert("sqlite", "application/vnd.sqlite3", "sqlite sqlite3", "application/x-sqlite3"),
  inert("woff", "font/woff", "woff", "application/font-woff"),
  inert("woff2", "font/woff2", "woff2", "application/font-woff2"),
  inert("ttf", "font/ttf", "ttf", "application/x-font-ttf font/sfnt"),
  inert("otf", "font/otf", "otf", "application/x-font-otf font/sfnt"),
  inert(
    "exe",
    "application/vnd.microsoft.portable-executable",
    "exe dll scr sys",
    "application/x-msdownload application/x-dosexec application/x-msdos-program application/x-ms-dos-executable",
  ),
  inert(
    "elf",
    "application/x-executable",
    "so elf",
    "application/x-elf application/x-sharedlib application/x-pie-executable application/x-object",
  ),
  inert("mach-o", "application/x-mach-binary", "dylib"),
  inert("class", "application/java-vm", "class", "application/x-java"),
  inert("wasm", "application/wasm", "wasm"),
];
