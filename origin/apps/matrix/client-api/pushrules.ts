import type { MatrixContext } from "../matrix-context.ts";
import {
  deleteRule,
  findRule,
  parseKind,
  type PushRuleChoices,
  putRule,
  setActions,
  setEnabled,
} from "../push/rule-set.ts";
import type { PushRule, PushRuleKind } from "../push/push-rule.ts";
import type { Answer, Call, Route } from "../route.ts";

type Edit = (choices: PushRuleChoices, kind: PushRuleKind, ruleId: string) => PushRuleChoices;

const wanted = (call: Call): [PushRuleKind, string] => [
  parseKind(call.params["kind"] ?? ""),
  call.params["ruleId"] ?? "",
];

export function pushrulesRoutes(matrix: MatrixContext): Route[] {
  const { database, userRules } = matrix;

  const rule = (call: Call): PushRule => findRule(userRules.ruleSet(call.requester.userId), ...wanted(call));

  async function edit(call: Call, change: Edit): Promise<Answer> {
    const { userId } = call.requester;
    const [kind, ruleId] = wanted(call);
    await database.write((transaction) =>
      userRules.change(transaction, userId, (choices) => change(choices, kind, ruleId)),
    );
    return {};
  }

  async function put(call: Call): Promise<Answer> {
    const body = await call.json();
    const placement = {
      before: call.query.get("before") ?? undefined,
      after: call.query.get("after") ?? undefined,
    };
    return edit(call, (choices, kind, ruleId) => putRule(choices, kind, ruleId, body, placement));
  }

  async function putEnabled(call: Call): Promise<Answer> {
    const { enabled } = await call.json();
    return edit(call, (choices, kind, ruleId) => setEnabled(choices, kind, ruleId, enabled));
  }

  async function putActions(call: Call): Promise<Answer> {
    const { actions } = await call.json();
    return edit(call, (choices, kind, ruleId) => setActions(choices, kind, ruleId, actions));
  }

  const all = "/_matrix/client/v3/pushrules";
  const one = `${all}/global/:kind/:ruleId`;
  const getAll = (call: Call): Answer => userRules.ruleSetJson(call.requester.userId);
  const getGlobal = (call: Call): Answer => userRules.ruleSet(call.requester.userId);
  return [
    // Clients write these two both with and without the slash at the end.
    { method: "GET", path: `${all}/`, access: "member", handle: getAll },
    { method: "GET", path: all, access: "member", handle: getAll },
    { method: "GET", path: `${all}/global/`, access: "member", handle: getGlobal },
    { method: "GET", path: `${all}/global`, access: "member", handle: getGlobal },
    { method: "GET", path: one, access: "member", handle: rule },
    { method: "PUT", path: one, access: "reading", handle: put },
    { method: "DELETE", path: one, access: "reading", handle: (call) => edit(call, deleteRule) },
    {
      method: "GET",
      path: `${one}/enabled`,
      access: "member",
      handle: (call) => ({ enabled: rule(call).enabled }),
    },
    { method: "PUT", path: `${one}/enabled`, access: "reading", handle: putEnabled },
    {
      method: "GET",
      path: `${one}/actions`,
      access: "member",
      handle: (call) => ({ actions: rule(call).actions }),
    },
    { method: "PUT", path: `${one}/actions`, access: "reading", handle: putActions },
  ];
}
