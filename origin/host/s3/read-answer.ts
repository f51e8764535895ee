/** One element of an answer of S3's, below its root. */
export interface AnswerElement {
  /** The text of the first element of this name directly in it. */
  get(name: string): string | undefined;
  /** Every element of this name directly in it. */
  all(name: string): readonly AnswerElement[];
}

interface Node {
  readonly name: string;
  readonly children: Node[];
  text: string;
}

/** Reads an answer in XML. What is none has no elements. */
export async function readAnswer(xml: string): Promise<AnswerElement> {
  // Only who has a bucket needs it.
  const { Parser } = await import("htmlparser2");
  const root: Node = { name: "", children: [], text: "" };
  const open = [root];
  const parser = new Parser(
    {
      onopentagname(name) {
        const node: Node = { name, children: [], text: "" };
        open.at(-1)?.children.push(node);
        open.push(node);
      },
      ontext(text) {
        const node = open.at(-1);
        if (node) node.text += text;
      },
      onclosetag() {
        if (open.length > 1) open.pop();
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(xml);
  return elementOf(root.children.find(({ name }) => !name.startsWith("?")) ?? root);
}

function elementOf({ children }: Node): AnswerElement {
  const named = (name: string): Node[] => children.filter((child) => child.name === name);
  return {
    get: (name) => named(name)[0]?.text,
    all: (name) => named(name).map(elementOf),
  };
}
