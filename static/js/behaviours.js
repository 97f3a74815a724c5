// The behaviours that elements may name, each from its file in behaviours/.
import { start as startAgo } from "./behaviours/ago.js";
import { start as startChart } from "./behaviours/chart.js";
import { start as startCodeField } from "./behaviours/code_field.js";
import { start as startCodeTabs } from "./behaviours/code_tabs.js";
import { start as startConfirm } from "./behaviours/confirm.js";
import { start as startCopy } from "./behaviours/copy.js";
import { start as startGraph } from "./behaviours/graph.js";
import { start as startJsonEditor } from "./behaviours/json_editor.js";
import { start as startLogs } from "./behaviours/logs.js";
import { start as startPropose } from "./behaviours/propose.js";
import { start as startScrollEdge } from "./behaviours/scroll_edge.js";
import { start as startShortcutList } from "./behaviours/shortcut_list.js";
import { start as startSlug } from "./behaviours/slug.js";
import { start as startSources } from "./behaviours/sources.js";
import { start as startSplit } from "./behaviours/split.js";
import { start as startTheme } from "./behaviours/theme.js";
import { start as startUpload } from "./behaviours/upload.js";

export const behaviours = new Map([
  ["ago", startAgo],
  ["chart", startChart],
  ["code_field", startCodeField],
  ["code_tabs", startCodeTabs],
  ["confirm", startConfirm],
  ["copy", startCopy],
  ["graph", startGraph],
  ["json_editor", startJsonEditor],
  ["logs", startLogs],
  ["propose", startPropose],
  ["scroll_edge", startScrollEdge],
  ["shortcut_list", startShortcutList],
  ["slug", startSlug],
  ["sources", startSources],
  ["split", startSplit],
  ["theme", startTheme],
  ["upload", startUpload],
]);
