/** What a probe looks for. */
export type ScannerFamily =
  | "dotfiles"
  | "vcs"
  | "cloud"
  | "wordpress"
  | "phpmyadmin"
  | "php"
  | "iot"
  | "java"
  | "laravel"
  | "exchange"
  | "dumps"
  | "config"
  | "cve"
  | "log4shell"
  | "spring4shell"
  | "traversal"
  | "canary";

/** What a decoy pretends to be. */
export type DecoyKind = "env" | "aws" | "git" | "wp-login" | "wp-config" | "phpmyadmin" | "sql";

export interface ScannerRule {
  readonly id: string;
  readonly family: ScannerFamily;
  /** Of 100, at which a source may be blocked. */
  readonly weight: number;
  /** Whether the path alone is looked at, or the whole URI. Both decoded and in lower case. */
  readonly on: "path" | "uri";
  /** Takes time in proportion to the text: no repetition inside another, and none that overlaps the next. */
  readonly pattern: RegExp;
  /** An attack whatever is answered: what carries it (`/?x=…`) is often a page that is there. */
  readonly certain: boolean;
  readonly decoy?: DecoyKind;
}

function rule(
  id: string,
  weight: number,
  pattern: RegExp,
  more: { on?: "uri"; certain?: true; decoy?: DecoyKind } = {},
): ScannerRule {
  const family = id.slice(0, id.indexOf("/")) as ScannerFamily;
  const { on = "path", certain = false, decoy } = more;
  return { id, family, weight, on, pattern, certain, ...(decoy && { decoy }) };
}

/**
 * What no client of ours ever asks for (row D1), by family. Of those that fire the weightiest counts, and unless it is
 * certain only where the request failed: a file of this name that somebody has, or an app that is WordPress, is no probe.
 */
const rules: readonly ScannerRule[] = [
  rule("log4shell/jndi", 100, /\$\{[^}]{0,60}(?:jndi|lower:|upper:|env:|sys:|::-)/, {
    on: "uri",
    certain: true,
  }),
  rule("spring4shell/class-loader", 100, /class\.module\.classloader/, { on: "uri", certain: true }),
  rule("spring4shell/spel", 100, /t\(java\.lang\.(?:runtime|processbuilder)\)/, { on: "uri", certain: true }),
  rule(
    "traversal/system-file",
    100,
    /\/etc\/(?:passwd|shadow|hosts)\b|\bwin\.ini\b|\bboot\.ini\b|\/proc\/self\//,
    {
      on: "uri",
      certain: true,
    },
  ),
  rule("traversal/dots", 60, /\.\.[/\\]/, { on: "uri" }),
  rule("traversal/overlong", 80, /%c0%a[ef]|%c1%9c|%e0%80%af|%uff0e/, { on: "uri", certain: true }),

  rule("dotfiles/env", 60, /\/\.env(?:$|[._~-][\w.~-]{0,40}$)/, { decoy: "env" }),
  rule(
    "dotfiles/env-of-app",
    60,
    /\/(?:app|api|prod|production|backend|config|laravel|web)\.env$|\/env\.(?:bak|old|save|prod)$/,
  ),
  rule("dotfiles/htaccess", 40, /\/\.ht(?:access|passwd|group)\b/),
  rule("dotfiles/ssh", 80, /\/\.ssh(?:\/|$)/),
  rule(
    "dotfiles/private-key",
    80,
    /\/(?:id_(?:rsa|dsa|ecdsa|ed25519)|server\.key|privatekey\.key|private\.pem)(?:\.\w{1,8})?$/,
  ),
  rule("dotfiles/history", 60, /\/\.(?:bash|zsh|sh|mysql|psql|python|node_repl)_history$/),
  rule("dotfiles/shell", 40, /\/\.(?:bashrc|profile|bash_profile|zshrc|vimrc|viminfo)$/),
  rule(
    "dotfiles/tokens",
    60,
    /\/\.(?:npmrc|pypirc|netrc|pgpass|my\.cnf|dockercfg|yarnrc|composer-auth\.json)$/,
  ),
  rule("dotfiles/editor", 40, /\/\.(?:vscode|idea|fleet|sublime)(?:\/|$)|\/sftp-config\.json$/),

  rule("vcs/git", 60, /\/\.git(?:\/|$)/, { decoy: "git" }),
  rule("vcs/git-files", 50, /\/\.git(?:-credentials|config|ignore|attributes|modules|lab-ci\.ya?ml)$/),
  rule("vcs/svn", 50, /\/\.(?:svn|hg|bzr|_darcs)(?:\/|$)/),
  rule("vcs/cvs", 40, /\/cvs\/(?:entries|root|repository)$/),
  rule("vcs/ci", 30, /\/\.(?:github\/workflows|circleci|travis\.yml|drone\.yml)(?:\/|$)?/),

  rule("cloud/aws", 80, /\/\.aws(?:\/|$)|\/aws(?:-credentials|\.ya?ml|_credentials\.\w{2,5})$/, {
    decoy: "aws",
  }),
  rule("cloud/others", 70, /\/\.(?:azure|gcloud|boto|s3cfg|config\/gcloud|oci|digitalocean)(?:\/|$)/),
  rule("cloud/kube", 70, /\/\.kube(?:\/|$)|\/kubeconfig(?:\.ya?ml)?$/),
  rule("cloud/docker", 60, /\/\.docker(?:\/|$)|\/\.dockerenv$/),
  rule(
    "cloud/metadata",
    100,
    /169\.254\.169\.254|metadata\.google\.internal|\/latest\/(?:meta-data|user-data)|\/computemetadata\/v1/,
    {
      on: "uri",
      certain: true,
    },
  ),
  rule(
    "cloud/service-account",
    60,
    /\/(?:service[-_]?account(?:[-_]?key)?|gcp[-_]?(?:key|credentials)|google[-_]credentials|firebase[-_]adminsdk)\.json$/,
  ),
  rule(
    "cloud/terraform",
    60,
    /\/(?:terraform\.tfstate(?:\.backup)?|terraform\.tfvars|\.terraform(?:\/.{0,200})?)$/,
  ),

  rule("wordpress/login", 40, /\/wp-login\.php$/, { decoy: "wp-login" }),
  rule("wordpress/config", 60, /\/wp-config(?:-sample)?(?:\.php|\.txt|\.inc|\.old|\.bak)/, {
    decoy: "wp-config",
  }),
  rule("wordpress/admin", 40, /\/wp-admin(?:\/|$)/),
  rule("wordpress/xmlrpc", 40, /\/xmlrpc\.php$/),
  rule("wordpress/content", 30, /\/wp-(?:content|includes)(?:\/|$)/),
  rule("wordpress/users", 40, /\/wp-json(?:\/|$)|[?&]rest_route=\/wp\//, { on: "uri" }),
  rule("wordpress/manifest", 40, /\/wlwmanifest\.xml$/),
  rule("wordpress/others", 40, /\/wp-(?:cron|signup|trackback|mail|load|settings|conf|22|good)\.php/),

  rule(
    "phpmyadmin/itself",
    40,
    /\/(?:php-?my-?admin|phpmyadmin[\d._-]{1,12}|pma|myadmin|mysqladmin|mysql-admin|sqlmanager|dbadmin|phpmanager)(?:\/|$)/,
    {
      decoy: "phpmyadmin",
    },
  ),
  rule("phpmyadmin/adminer", 40, /\/adminer(?:[\d._-]{1,12})?(?:-\w{2,6})?\.php$/),
  rule("phpmyadmin/postgres", 40, /\/php-?pg-?admin(?:\/|$)|\/pgadmin\d?(?:\/|$)/),

  rule("php/phpunit", 90, /\/phpunit\/.{0,80}eval-stdin\.php|\/eval-stdin\.php$/),
  rule("php/thinkphp", 90, /invokefunction|think\\app|call_user_func_array/, { on: "uri", certain: true }),
  rule(
    "php/ini",
    90,
    /allow_url_include|auto_prepend_file|php:\/\/?(?:input|filter)|(?:=data|expect|phar):\/\/?/,
    { on: "uri", certain: true },
  ),
  rule("php/cgi", 80, /\/cgi-bin\/php\d?|\/php-cgi(?:\/|\.exe|$)/),
  rule("php/pear", 90, /pearcmd|config-create/, { on: "uri" }),
  rule(
    "php/shell",
    80,
    /\/(?:c99|r57|wso\d{0,4}|alfa(?:new|shell)?|b374k|shell|cmd|webshell|backdoor|0x|mini|up|uploader?|filemanager)\.php$/,
  ),
  rule("php/info", 40, /\/(?:php-?info|info|test|i|pi|phpversion|server-info)\.php$/),
  rule(
    "php/frameworks",
    50,
    /\/(?:vendor\/.{0,120}|composer\/installed|bitrix\/admin.{0,60}|administrator\/index|user\/register\.)(?:\.php|\.json|php$)/,
  ),
  // The clients of ownCloud and Nextcloud ask every WebDAV server for its status.php.
  rule("php/any", 15, /(?<!\/status)\.(?:php\d?|phtml|phar)$/),

  rule("iot/boaform", 80, /\/boaform(?:\/|$)/),
  rule("iot/goform", 80, /\/goform(?:\/|$)/),
  rule("iot/gpon", 80, /\/gponform(?:\/|$)|\/setup\.cgi$/),
  rule("iot/hnap", 70, /\/hnap1(?:\/|$)/),
  rule("iot/luci", 60, /\/cgi-bin\/luci(?:\/|;|$)/),
  rule("iot/camera", 70, /\/(?:sdk\/weblanguage|onvif(?:\/|$)|device\.rsp$|doc\/page\/login\.asp|psia\/)/),
  rule("iot/netgear", 60, /\/(?:currentsetting\.htm|unauth\.cgi|tmunblock\.cgi|hndunblock\.cgi|apply\.cgi)$/),
  rule("iot/nmap", 40, /\/(?:nmaplowercheck\d|evox\/about|nice%20ports|nice ports)/),
  rule("iot/cgi-bin", 30, /\/cgi-bin(?:\/|$)/),

  rule("java/tomcat", 60, /\/(?:host-)?manager\/(?:html|text|status|jmxproxy)/),
  rule("java/actuator", 50, /\/actuator(?:\/|$)/),
  rule("java/jolokia", 60, /\/jolokia(?:\/|$)/),
  rule("java/jboss", 60, /\/(?:jmx-console|web-console|admin-console|jbossws|invoker)(?:\/|$)/),
  rule(
    "java/weblogic",
    70,
    /\/(?:wls-wsat|_async|console\/(?:login\/loginform\.jsp|css|images)|bea_wls_internal)(?:\/|$)?/,
  ),
  rule("java/struts", 90, /%\{.{0,80}(?:ognl|@java|#context|\(#)|redirect:\$\{|\.action\?.{0,40}method:/, {
    on: "uri",
    certain: true,
  }),
  rule("java/solr", 50, /\/solr\/(?:admin|[\w-]{1,40}\/(?:select|dataimport|config))/),
  rule("java/jenkins", 50, /\/(?:jenkins|hudson)(?:\/|$)|\/descriptorbyname\//),
  rule("java/jsp", 20, /\.jspx?$/),
  rule("java/druid", 40, /\/(?:druid\/(?:index|login|weburi)\.html|nacos(?:\/|$)|hystrix(?:\.stream|\/|$))/),

  rule("laravel/ignition", 80, /\/_ignition(?:\/|$)/),
  rule("laravel/log", 50, /\/storage\/(?:logs\/|framework\/sessions)|\/laravel\.log$/),
  rule("laravel/tools", 40, /\/(?:telescope\/requests|horizon\/api|_debugbar)(?:\/|$)/),
  rule("laravel/symfony", 50, /\/_profiler(?:\/|$)|\/app_dev\.php(?:\/|$)/),

  rule("exchange/owa", 50, /\/owa\/(?:auth|prem|$)|\/owa$/),
  rule("exchange/ecp", 60, /\/ecp(?:\/|$)/),
  // Outlook asks there too, with its person's address: never with a path behind it.
  rule(
    "exchange/proxyshell",
    100,
    /\/autodiscover\/autodiscover\.json(?:\?@|[^@]{0,60}@[^/@]{1,80}\/(?:ecp|ews|mapi|oab|owa|powershell)\b)/,
    { on: "uri", certain: true },
  ),
  rule("exchange/ews", 50, /\/ews\/exchange\.asmx|\/mapi\/(?:nspi|emsmdb)/),
  rule("exchange/rpc", 50, /\/(?:rpc\/rpcproxy\.dll|powershell$|aspnet_client(?:\/|$))/),
  rule("exchange/asp", 15, /\.(?:aspx?|ashx|asmx)$/),

  rule("dumps/sql", 50, /\/[\w.-]{1,60}\.sql(?:\.(?:gz|zip|bz2|xz|7z|tar))?$/, { decoy: "sql" }),
  rule(
    "dumps/database",
    40,
    /\/(?:db|database|data|users|backup|dump|mysql|wordpress|site)\.(?:sqlite3?|db|dump|mdb)$/,
  ),
  rule(
    "dumps/archive",
    40,
    /\/(?:backups?|www|wwwroot|public_html|htdocs|html|web|site|website|db|database|dump|full|old|archive)\.(?:zip|rar|7z|tar|tgz|tar\.gz|tar\.bz2|bak)$/,
  ),

  rule(
    "config/named",
    40,
    /\/(?:settings|database|secrets|credentials|appsettings(?:\.\w{2,20})?|parameters|application(?:-\w{2,12})?|local)\.(?:json|ya?ml|ini|toml|properties|cfg|conf|xml|py)$/,
  ),
  rule(
    "config/php",
    50,
    /\/(?:config|configuration|settings|database|db|connect(?:ion)?|local\.xml)(?:\.inc)?(?:\.php)?(?:\.(?:bak|old|save|swp|orig|txt)|~)$/,
  ),
  rule("config/iis", 50, /\/web\.config(?:\.\w{1,8})?$/),
  rule("config/apache", 40, /\/server-(?:status|info)$/),
  rule(
    "config/compose",
    40,
    /\/(?:docker-compose(?:\.\w{2,12})?\.ya?ml|dockerfile|jenkinsfile|ansible\.cfg)$/,
  ),
  rule(
    "config/debug",
    40,
    /\/(?:debug\/(?:pprof|vars|default\/view)|__debug__|trace\.axd|elmah\.axd|console\/)/,
  ),
  rule(
    "config/swagger",
    20,
    /\/(?:swagger(?:-ui)?(?:\.json|\.ya?ml|\.html|\/.{0,60})|v\d\/api-docs|openapi\.json)$/,
  ),
  rule("config/graphql", 20, /\/(?:graphql|graphiql|api\/gql|altair)$/),

  rule("cve/citrix", 80, /\/vpns?\/|\/nf\/auth\/|\/oauth\/idp\/\.well-known/),
  rule("cve/pulse", 80, /\/dana(?:-na|-cached|-ws)?\//),
  rule("cve/fortinet", 70, /\/remote\/(?:login|fgt_lang|logincheck|info|hostcheck_validate)/),
  rule("cve/f5", 90, /\/tmui\/|\/mgmt\/(?:tm|shared)\//),
  rule("cve/cisco", 70, /\/\+csco[et]\+\/|\/webui\/logoutconfirm|\/dcnm/),
  rule("cve/paloalto", 70, /\/global-protect\/|\/ssl-vpn\/|\/php\/(?:login|utils\/createremote)/),
  rule(
    "cve/confluence",
    80,
    /\/(?:pages\/(?:createpage-entervariables|doenterpagevariables)|setup\/setupadministrator|server-info\.action)/,
  ),
  rule(
    "cve/vmware",
    80,
    /\/ui\/(?:vropspluginui|h5-vsan)|\/vsphere-client|\/catalog-portal\/|\/analytics\/telemetry/,
  ),
  rule("cve/moveit", 80, /\/(?:moveitisapi\/|guestaccess\.aspx|human2?\.aspx)/),
  rule("cve/zimbra", 80, /\/service\/extension\/backup\/mboximport|\/zimbraadmin/),
  rule("cve/liferay", 70, /\/api\/jsonws(?:\/|$)/),
  rule("cve/geoserver", 50, /\/geoserver(?:\/|$)/),
  rule("cve/telerik", 70, /\/telerik\.web\.ui\.webresource\.axd|\/dialoghandler\.aspx/),
  rule("cve/grafana", 80, /\/public\/plugins\/[\w-]{1,40}\/(?:\.\.|#)/, { on: "uri" }),
  rule("cve/coldfusion", 70, /\/cfide\/|\/cf_scripts\//),
  rule("cve/hadoop", 70, /\/ws\/v1\/cluster\/apps|\/jars\/upload/),
  rule("cve/docker-api", 70, /\/v1\.\d{2}\/(?:containers|images|version)|\/containers\/json$/),
  rule("cve/ivanti", 80, /\/mifs\/|\/api\/v1\/totp\/user-backup-code/),
];

export const SCANNER_RULES: readonly ScannerRule[] = rules.toSorted((a, b) => b.weight - a.weight);

/** A pretended password of a decoy that came back, whatever it was sent to. */
export const CANARY_RULE: ScannerRule = {
  id: "canary/replay",
  family: "canary",
  weight: 100,
  on: "uri",
  certain: true,
  pattern: /(?!)/,
};

const byId = new Map([...SCANNER_RULES, CANARY_RULE].map((known) => [known.id, known]));

export function findRuleById(id: string): ScannerRule | undefined {
  return byId.get(id);
}

/** Where members choose names themselves: a room, a file or a device may be called anything. */
const NAMED_BY_MEMBERS = /^\/(?:_matrix|_synapse|_burrow|\.well-known)(?:\/|$)/;

/** Longest text that is looked at, in characters. */
const LOOKED_AT = 1_024;

/**
 * The rule that a request's target fires, or undefined. Linear in the length of the target.
 *
 * @param path Raw path, `search` with its `?` or empty.
 */
export function findScannerRule(path: string, search: string): ScannerRule | undefined {
  if (NAMED_BY_MEMBERS.test(path)) return undefined;
  const plainPath = decode(path.slice(0, LOOKED_AT));
  const uri = search === "" ? plainPath : plainPath + decode(search.slice(0, LOOKED_AT));
  const { path: anyPath, uri: anyUri } = (sieves ??= { path: sieveOf("path"), uri: sieveOf("uri") });
  if (!anyPath.test(plainPath) && !anyUri.test(uri)) return undefined;
  return SCANNER_RULES.find(({ on, pattern }) => pattern.test(on === "path" ? plainPath : uri));
}

/** All rules as one expression: most requests fire none, and one look costs a sixth of a hundred. Made at the first use. */
let sieves: Record<ScannerRule["on"], RegExp> | undefined;

function sieveOf(kind: ScannerRule["on"]): RegExp {
  const sources = SCANNER_RULES.filter(({ on }) => on === kind).map(({ pattern }) => `(?:${pattern.source})`);
  return new RegExp(sources.join("|"));
}

/** Lower case and decoded twice, as probes code their dots; escapes that are none stay. Doubled slashes count once. */
function decode(text: string): string {
  let decoded = text;
  for (let turn = 0; turn < 2 && decoded.includes("%"); turn += 1)
    decoded = decoded.replace(/%([2-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return decoded
    .replaceAll("\\/", "/")
    .replace(/\/{2,}/g, "/")
    .toLowerCase();
}
